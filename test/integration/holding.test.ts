import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { hold } from '../../src/streams/holding.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { runsOf, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const LEASE_SECONDS = 2

interface Lease {
  readonly _id: string
  readonly until: Date
}

test('what is held is renewed, and lasts for lease_seconds once nobody does', async () => {
  const stage = await Stage.open()
  const leases = stage.state.collection<Lease>('leases')
  const untilOf = async (): Promise<number> => (await leases.findOne({ _id: 'x' }))?.until.getTime() ?? 0
  await using held = await hold(stage.state, 'x', 'one', LEASE_SECONDS)
  const first = await untilOf()
  await waitFor('it to be renewed for as long again', async () => (await untilOf()) > first + LEASE_SECONDS * 1_000)
  expect(held?.signal.aborted).toBe(false)
  expect(await hold(stage.state, 'x', 'two', LEASE_SECONDS)).toBeUndefined()
})

test(
  'a command that deletes files takes its leases for lease_seconds, and waits for one that was killed',
  { timeout: 90_000 },
  async () => {
    const stage = await Stage.open()
    const config = await writeConfig(stage, { general: { lease_seconds: LEASE_SECONDS } })
    await stage.file('a.ma')
    await mkdir(join(stage.dir, 'mirror'))
    await writeFile(join(stage.dir, 'mirror', 'a.ma'), 'a.ma')
    const document = representation([entry('{root[work]}/a.ma', inArray({ name: 'mirror', created_dt: T0 }))])
    await stage.insert(document)
    const leases = stage.state.collection<Lease & { owner?: string }>('leases')
    const name = `delete-files\0${stage.db.databaseName}`
    const events = leases.watch([{ $match: { 'documentKey._id': name } }])
    onTestFinished(async () => await events.close())
    await events.tryNext()
    await leases.insertOne({ _id: name, owner: 'dead', until: new Date(Date.now() + LEASE_SECONDS * 1_000) })
    const { code, stdout, stderr } = await runsOf('remove-site', config)('--all', '--site', 'mirror', '--delete-files', '--yes', '--json')
    expect([code, stderr.includes('"stack"')]).toEqual([0, false])
    expect(JSON.parse(stdout)).toMatchObject({ records: 1 })
    const lasts: number[] = []
    for (;;) {
      const event = await events.next()
      if (event.operationType === 'delete') break
      if (event.operationType !== 'update') continue
      const { until } = event.updateDescription.updatedFields ?? {}
      if (until) lasts.push(until.getTime() - (event.wallTime?.getTime() ?? 0))
    }
    expect(lasts.length).toBeGreaterThan(0)
    expect(Math.max(...lasts)).toBeLessThanOrEqual(LEASE_SECONDS * 1_000)
  },
)

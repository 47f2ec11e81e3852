import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { serverTime } from '../../src/streams/scan.ts'
import { entry, inArray, inObject, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const LEASE_SECONDS = 3
const LONG = { withinMs: 60_000 }
const THERE = { created_dt: T0, id: 'x' }

async function openMirror(count: number): Promise<Stage> {
  const stage = await Stage.open()
  await mkdir(join(stage.dir, 'mirror'))
  for (let n = 0; n < count; n++) {
    await stage.file(`${n}.ma`)
    await writeFile(join(stage.dir, 'mirror', `${n}.ma`), `${n}.ma`)
    const sites = n % 2 === 0 ? inArray({ name: 'mirror', ...THERE }) : inObject({ mirror: THERE })
    await stage.insert(representation([entry(`{root[work]}/${n}.ma`, sites)]))
  }
  return stage
}

async function start(stage: Stage, name: string, rate: number): Promise<ServiceProcess> {
  const general = { lease_seconds: LEASE_SECONDS, verify_schedule: { every: '1d', rate, sites: ['mirror'] } }
  return new ServiceProcess(['run', '--config', await writeConfig(stage, { name, general })])
}

test('the command looks on schedule, and says what is not there', { timeout: 120_000 }, async () => {
  const stage = await openMirror(4)
  await stage.insert(representation([entry('{root[work]}/gone.ma', inArray({ name: 'mirror', ...THERE }))]))
  await writeFile(join(stage.dir, 'mirror', '2.ma'), 'two!')
  const service = await start(stage, 'one', 100)
  expect(await service.lines.until('verify.finished', 1, LONG)).toMatchObject({
    'log.level': 'warn',
    site_sync: { site: 'mirror', looked: 5, missing: 1, changed: 1, not_looked: 0 },
  })
  const found = service.lines.of('verify.found').map(({ site_sync: fields }) => [fields?.['path'], fields?.['finding']])
  expect(found).toHaveLength(2)
  expect(found).toEqual(
    expect.arrayContaining([
      ['{root[work]}/2.ma', 'changed'],
      ['{root[work]}/gone.ma', 'missing'],
    ]),
  )
  service.signal('SIGTERM')
  expect([await service.end(), service.stderr, service.fault]).toEqual([0, '', undefined])
})

test('the instance that looks is killed: another goes on from where it was, after lease_seconds', { timeout: 180_000 }, async () => {
  const FILES = 120
  const stage = await openMirror(FILES)
  const leases = stage.state.collection<{ _id: string; owner: string; until: Date }>('leases')
  const lease = async () => await leases.findOne({ _id: { $regex: '^verify ' } })
  const slow = await start(stage, 'slow', 4)
  const first = await waitFor('its lease', lease, LONG)
  expect(first.until.getTime() - (await serverTime(stage.state)).getTime()).toBeLessThanOrEqual(LEASE_SECONDS * 1_000)
  const other = await start(stage, 'other', 1_000)
  await other.lines.until('service.ready', 1, LONG)
  const rounds = stage.state.collection('verify_rounds')
  await waitFor('a place in the round', async () => await rounds.findOne({ position: { $exists: true } }), LONG)
  expect((await lease())?.owner).toBe(first.owner)
  slow.signal('SIGKILL')
  expect(await slow.ended).toBe('SIGKILL')
  expect(await other.lines.until('verify.finished', 1, LONG)).toMatchObject({ site_sync: { looked: FILES, missing: 0, changed: 0 } })
  // It is told of a round that begins, and this one went on.
  expect([slow, other].map(({ lines }) => lines.count('verify.started'))).toEqual([1, 0])
  const [audited] = await stage.state.collection('audit').find({ action: 'verify' }).toArray()
  expect(audited?.['who']).not.toBe(first.owner)
  other.signal('SIGTERM')
  expect(await other.end()).toBe(0)
})

import { expect, test } from 'vitest'

import { serverTime } from '../../../src/streams/scan.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, filesBelow, publishFiles } from '../../support/pending-files.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const TEN_MINUTES = 600_000

test('instances whose clocks are ten minutes slow, right and ten minutes fast: each file is sent once, and dated by the server', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { general: { lease_seconds: 4, loop_delay: 2 } })
  const shifts = [-TEN_MINUTES, 0, TEN_MINUTES]
  const instances = await Promise.all(shifts.map(async (clockShiftMs) => await InstanceProcess.start(config, { clockShiftMs })))
  for (const [index, { lines }] of instances.entries()) {
    const told = new Date(lines.lines[0]?.['@timestamp'] ?? 0).getTime()
    expect(Math.abs(told - Date.now() - (shifts[index] ?? 0))).toBeLessThan(60_000)
  }
  const from = (await serverTime(stage.db)).getTime()
  const documents = await publishFiles(stage, 'skewed', 150, { sites: ['mirror'] })
  await expectMarked(stage, documents, 'mirror')
  const to = (await serverTime(stage.db)).getTime()
  for (const document of documents) {
    const created = (await stage.record(document, { site: 'mirror' }))?.['created_dt'] as Date
    expect(created.getTime()).toBeGreaterThanOrEqual(from)
    expect(created.getTime()).toBeLessThanOrEqual(to)
  }
  expect(await filesBelow(`${stage.dir}/mirror`)).toHaveLength(150)
  for (const instance of instances) await instance.stop()
  const sent = instances.map(
    ({ lines }) => lines.of('transfer.succeeded').filter(({ site_sync: fields }) => fields?.['sent_bytes'] !== 0).length,
  )
  expect(sent.reduce((sum, count) => sum + count, 0)).toBe(150)
}, 60_000)

test('no lease is taken too early by a fast clock, and none is kept too long by a slow one', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { general: { lease_seconds: 3, loop_delay: 1 } })
  const holder = await InstanceProcess.start(config, { clockShiftMs: -TEN_MINUTES, plan: { crash: { at: 'mid-upload', action: 'hold' } } })
  const documents = await publishFiles(stage, 'held', 4, { sites: ['mirror'] })
  await holder.at(4)
  const fast = await InstanceProcess.start(config, { clockShiftMs: TEN_MINUTES })
  // It looks again and again, for longer than the leases would have lasted without renewal.
  const leases = await stage.state.collection<{ until: Date }>('leases').find().toArray()
  const lastEnd = Math.max(...leases.map(({ until }) => until.getTime()))
  const looked = fast.lines.count('scan.finished')
  await waitFor('the end of the leases as they were', async () => (await serverTime(stage.state)).getTime() > lastEnd)
  await waitFor('the fast one to look again and again', () => fast.lines.count('scan.finished') >= looked + 5)
  expect(fast.lines.count('transfer.started')).toBe(0)
  await holder.kill()
  // By the clock of either instance they would last for ten minutes, or be over already.
  await expectMarked(stage, documents, 'mirror')
  await fast.stop()
  expect(fast.lines.count('transfer.succeeded')).toBe(4)
}, 60_000)

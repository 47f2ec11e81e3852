import { expect, test } from 'vitest'

import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, publishFiles } from '../../support/pending-files.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'

const LIMIT = 2

async function open() {
  const stage = await Stage.open()
  const drive = await DriveProcess.start({ latencyMs: 10 })
  const gdrive = drive.site({ concurrency: LIMIT, concurrency_scope: 'cluster' })
  const config = await writeConfig(stage, {
    general: { remote_site: 'gdrive', lease_seconds: 3, loop_delay: 3_600 },
    sites: { gdrive },
  })
  /** Transfers that hold their place at this moment, by the server's clock. */
  const inFlight = async (): Promise<number> =>
    await stage.state
      .collection('leases')
      .countDocuments({ 'transfer.site': 'gdrive', owner: { $exists: true }, $expr: { $gt: ['$until', '$$NOW'] } })
  return { stage, drive, config, inFlight }
}

test('three instances and a limit of two for all: Drive never sees more than two uploads at once', async () => {
  const { stage, drive, config } = await open()
  const instances = await Promise.all(Array.from({ length: 3 }, async () => await InstanceProcess.start(config)))
  const documents = await publishFiles(stage, 'few', 150)
  await expectMarked(stage, documents, 'gdrive')
  const { files, concurrentUploads } = await drive.state()
  expect(concurrentUploads).toBe(LIMIT)
  expect(files).toHaveLength(150)
  expect(await drive.count('upload.multipart')).toBe(150)
  for (const instance of instances) await instance.stop()
  // Whoever has a slot must not keep it from the others.
  const done = instances.map(({ lines }) => lines.count('transfer.succeeded'))
  expect(Math.min(...done)).toBeGreaterThanOrEqual(15)
}, 60_000)

test('the slots of a killed instance are free again after the lease; until then nobody goes on', async () => {
  const { stage, drive, config, inFlight } = await open()
  const victim = await InstanceProcess.start(config, { plan: { crash: { at: 'before-upload', path: 'held', action: 'hold' } } })
  const held = await publishFiles(stage, 'held', LIMIT)
  await victim.at(LIMIT)
  const heir = await InstanceProcess.start(config)
  const others = await publishFiles(stage, 'others', 10)
  // It was told of them (a publish for a site without a limit is done), and has no slot.
  const mirrored = await publishFiles(stage, 'mirrored', 1, { sites: ['mirror'] })
  await expectMarked(stage, mirrored, 'mirror', 20_000)
  expect(await inFlight()).toBe(LIMIT)
  expect(heir.lines.of('transfer.started').map(({ site_sync: fields }) => fields?.site)).not.toContain('gdrive')
  await victim.kill()
  await expectMarked(stage, [...held, ...others], 'gdrive')
  expect(heir.lines.of('scan.finished').map(({ site_sync: fields }) => fields?.['reason'])).not.toContain('interval')
  expect((await drive.state()).files).toHaveLength(LIMIT + 10)
  expect(await drive.count('upload.multipart')).toBe(LIMIT + 10)
  await heir.stop()
}, 60_000)

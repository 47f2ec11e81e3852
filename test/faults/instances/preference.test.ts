import { join } from 'node:path'

import { expect, test } from 'vitest'

import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, publishFiles } from '../../support/pending-files.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

/** No regular scan comes during the test: nothing here may wait for one. */
const GENERAL = { remote_site: 'gdrive', lease_seconds: 3, loop_delay: 3_600 }

async function open(latencyMs = 20) {
  const stage = await Stage.open()
  const drive = await DriveProcess.start({ latencyMs })
  const gdrive = drive.site({ concurrency: 2 })
  return { stage, drive, gdrive, config: await writeConfig(stage, { general: GENERAL, sites: { gdrive } }) }
}

const startedBy = ({ lines }: InstanceProcess): number => lines.count('transfer.started')
/** Two at a time, of which either may be the first to have its permit. */
function expectInOrder(frames: readonly string[]): void {
  const sorted = frames.toSorted()
  const jumps = frames.filter((frame, at) => Math.abs(sorted.indexOf(frame) - at) > 2)
  expect(jumps).toEqual([])
}

const known = async (stage: Stage): Promise<number> => await stage.state.collection('instances').countDocuments()

test('two instances that start on the same backlog share it about evenly, and each file is sent once', async () => {
  const { stage, drive, config } = await open()
  const documents = await publishFiles(stage, 'backlog', 400)
  const instances = [new InstanceProcess(config), new InstanceProcess(config)]
  await expectMarked(stage, documents, 'gdrive', 120_000)
  expect(await drive.count('upload.multipart')).toBe(400)
  const shares = instances.map(startedBy)
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(400)
  expect(Math.min(...shares)).toBeGreaterThanOrEqual(120)
  for (const instance of instances) await instance.stop()
}, 180_000)

test('an instance that joins has its share of what is left; when it leaves, the other does the rest', async () => {
  const { stage, drive, config } = await open()
  const first = await InstanceProcess.start(config)
  const documents = await publishFiles(stage, 'joined', 300)
  await first.lines.until('transfer.succeeded', 20)
  const second = await InstanceProcess.start(config)
  await second.lines.until('transfer.succeeded', 20)
  await second.stop()
  await expectMarked(stage, documents, 'gdrive', 120_000)
  expect(await drive.count('upload.multipart')).toBe(300)
  await first.stop()
}, 180_000)

test('an instance that is killed leaves nothing undone, and no leases beyond its own wait', async () => {
  const { stage, drive, config } = await open()
  const instances = [await InstanceProcess.start(config), await InstanceProcess.start(config)]
  await waitFor('both to know each other', async () => (await known(stage)) === 2)
  const documents = await publishFiles(stage, 'killed', 200)
  await instances[0]?.lines.until('transfer.succeeded', 10)
  await instances[0]?.kill()
  await expectMarked(stage, documents, 'gdrive', 120_000)
  expect((await drive.state()).files).toHaveLength(200)
  await instances[1]?.stop()
}, 180_000)

test('what a frozen instance would have done first is done by the other, and nothing is sent twice when it wakes up', async () => {
  const { stage, drive, config } = await open()
  const [frozen, other] = [await InstanceProcess.start(config), await InstanceProcess.start(config)]
  await waitFor('both to know each other', async () => (await known(stage)) === 2)
  const before = await publishFiles(stage, 'before', 20)
  await expectMarked(stage, before, 'gdrive')
  frozen.freeze()
  const documents = await publishFiles(stage, 'meanwhile', 60)
  await expectMarked(stage, documents, 'gdrive', 60_000)
  await other.lines.until('transfer.succeeded', 60)
  frozen.thaw()
  const after = await publishFiles(stage, 'after', 20)
  await expectMarked(stage, after, 'gdrive', 60_000)
  expect(await drive.count('upload.multipart')).toBe(100)
  await frozen.stop()
  await other.stop()
}, 180_000)

test('an instance that can not read the source leaves all to the one that can', async () => {
  const { stage, drive, gdrive, config } = await open()
  const blind = await writeConfig(stage, {
    general: GENERAL,
    sites: { gdrive, studio: { provider: 'local_drive', root: { work: join(stage.dir, 'nowhere') } } },
    name: 'blind',
  })
  const [able, other] = [await InstanceProcess.start(config), await InstanceProcess.start(blind)]
  await waitFor('both to know each other', async () => (await known(stage)) === 2)
  const documents = await publishFiles(stage, 'readable', 60)
  await expectMarked(stage, documents, 'gdrive', 120_000)
  // A record is marked a little before its line comes.
  await able.lines.until('transfer.succeeded', 60)
  expect(able.lines.count('transfer.succeeded')).toBe(60)
  expect(other.lines.count('transfer.succeeded')).toBe(0)
  expect(await drive.count('upload.multipart')).toBe(60)
  for (const document of documents) expect(JSON.stringify(await stage.read(document))).not.toContain('tries')
  await able.stop()
  await other.stop()
}, 180_000)

test('an instance that serves another project is not waited for', async () => {
  const { stage, gdrive, config } = await open()
  const elsewhere = await writeConfig(stage, {
    general: { ...GENERAL, projects: { include: ['elsewhere*'] } },
    sites: { gdrive },
    name: 'elsewhere',
  })
  const [here, other] = [await InstanceProcess.start(config), await InstanceProcess.start(elsewhere)]
  await waitFor('both to know each other', async () => (await known(stage)) === 2)
  const documents = await publishFiles(stage, 'here', 40, { framesEach: 40 })
  await expectMarked(stage, documents, 'gdrive', 60_000)
  // All of it was its own work, so it was done in order.
  const frames = here.lines.of('transfer.started').map(({ site_sync: fields }) => String(fields?.['path']))
  expectInOrder(frames)
  expect(frames).toHaveLength(40)
  await here.stop()
  await other.stop()
}, 120_000)

test('an instance that is alone keeps the order of frames, whatever becomes of one of them', async () => {
  const { stage, config } = await open(5)
  const alone = await InstanceProcess.start(config)
  const [document] = await publishFiles(stage, 'frames', 200, { framesEach: 200, shape: 'array' })
  if (!document) throw new Error('nothing was published')
  await alone.lines.until('transfer.succeeded', 10)
  // One skeleton is withdrawn; its frame is still in the queue.
  await stage.project().updateOne({ _id: document._id }, { $pull: { 'files.100.sites': { name: 'gdrive' } } } as never)
  await alone.lines.until('transfer.succeeded', 199, { withinMs: 60_000 })
  const frames = alone.lines.of('transfer.started').map(({ site_sync: fields }) => String(fields?.['path']))
  expectInOrder(frames)
  expect(frames.length).toBeGreaterThanOrEqual(199)
  await alone.stop()
}, 120_000)

import { expect, test } from 'vitest'

import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, publishFiles } from '../../support/pending-files.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'

/** What each instance has sent itself. */
const sentBy = ({ lines }: InstanceProcess): number =>
  lines.of('transfer.succeeded').filter(({ site_sync: fields }) => Number(fields?.['sent_bytes']) > 0).length

/** Each file is there once, was sent once, and is what its record says (`ids`). Stops the instances; gives what each has sent. */
async function expectSentOnce(
  drive: DriveProcess,
  instances: readonly InstanceProcess[],
  ids: ReadonlyMap<string, unknown>,
  count: number,
): Promise<readonly number[]> {
  const { files, journal } = await drive.state()
  expect(files).toHaveLength(count)
  expect(new Set(files.map(({ path }) => path)).size).toBe(count)
  expect(files.map(({ path }) => path).toSorted()).toEqual([...ids.keys()].map((path) => `My Drive/w/${path}`).toSorted())
  for (const { path, id } of files) expect(ids.get(path.slice('My Drive/w/'.length))).toBe(id)
  expect(journal.filter(({ operation }) => operation === 'upload.multipart')).toHaveLength(count)
  for (const instance of instances) await instance.stop()
  const sent = instances.map(sentBy)
  expect(sent.reduce((sum, one) => sum + one, 0)).toBe(count)
  return sent
}

test('four instances, 520 files: each is sent once, marked once, and none is lost', async () => {
  const stage = await Stage.open()
  const drive = await DriveProcess.start({ latencyMs: 5 })
  const config = await writeConfig(stage, { general: { remote_site: 'gdrive', loop_delay: 600 }, sites: { gdrive: drive.site() } })
  const instances = await Promise.all(Array.from({ length: 4 }, async () => await InstanceProcess.start(config)))
  const documents = await publishFiles(stage, 'load', 520, { framesEach: 13 })
  const ids = await expectMarked(stage, documents, 'gdrive', 80_000)
  const sent = await expectSentOnce(drive, instances, ids, 520)
  expect(Math.min(...sent)).toBeGreaterThan(0)
}, 120_000)

test('one representation of 1,000 frames, two instances: each frame is sent once, and each instance does a fair share', async () => {
  const stage = await Stage.open()
  const drive = await DriveProcess.start({ latencyMs: 15 })
  const config = await writeConfig(stage, { general: { remote_site: 'gdrive', loop_delay: 600 }, sites: { gdrive: drive.site() } })
  const instances = await Promise.all([InstanceProcess.start(config), InstanceProcess.start(config)])
  const documents = await publishFiles(stage, 'frames', 1_000, { framesEach: 1_000 })
  const ids = await expectMarked(stage, documents, 'gdrive', 150_000)
  const sent = await expectSentOnce(drive, instances, ids, 1_000)
  expect(Math.min(...sent)).toBeGreaterThanOrEqual(250)
}, 180_000)

import { expect, onTestFinished, test } from 'vitest'

import { startReplicaSet } from '../../../replica-set-dev/start-replica-set.ts'
import { CHUNK, driveService, openDriveStage } from '../../support/drive-stage.ts'
import { entry, inArray, recordOf, representation, type Representation } from '../../support/published.ts'
import { startFakeDrive } from '../../support/fake-drive/fake-drive.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const held = async (stage: Stage): Promise<number> => await stage.state.collection('leases').countDocuments({ until: { $gt: new Date() } })

async function publishFor(stage: Stage, site: string, path: string, content: string | Buffer = path): Promise<Representation> {
  await stage.file(path, content)
  const document = representation([entry(`{root[work]}/${path}`, inArray(site))])
  await stage.insert(document)
  return document
}

test('four files are on their way: they arrive, nothing new begins, leases and place are given back, and the next run goes on there', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  stage.spy().hold()
  const documents: Representation[] = []
  for (let n = 0; n < 4; n++) documents.push(await stage.publish(`${n}`))
  await waitFor('four uploads', () => stage.spy().writes.now === 4)
  const late = [await stage.publish('late/0'), await stage.publish('late/1')]
  running.service.stop()
  late.push(await stage.publish('late/2'))
  stage.spy().release()
  expect((await running.stop()).synced).toBe(4)
  for (const document of documents) expect(await stage.record(document)).toHaveProperty('created_dt')
  for (const document of late) expect(await stage.read(document)).toEqual(document)
  expect(await held(stage)).toBe(0)
  const again = await stage.start()
  for (const document of late) await stage.synced(document)
  await again.stop()
  expect([again.lines.count('stream.resumed'), again.lines.count('stream.opened')]).toEqual([1, 0])
  expect(stage.spy().uploads).toHaveLength(7)
})

test('the grace period is over in the middle of an upload: given back without a try, and the next run goes on where it was', async () => {
  const { stage, drive } = await openDriveStage({ settings: { shutdownGraceSeconds: 0.3 } })
  drive.fault({ on: 'upload.chunk', effect: { kind: 'hang' }, after: 3 })
  const running = await stage.start(driveService(stage))
  const document = await publishFor(stage, 'gdrive', 'big', Buffer.alloc(CHUNK * 5, 'x'))
  await waitFor('the fourth chunk', () => drive.journal.count('upload.chunk') === 4)
  await running.stop()
  expect(running.lines.of('transfer.released')).toMatchObject([{ message: 'shutdown: the grace period is over' }])
  expect(await stage.record(document)).toEqual(recordOf(document.files[0], 'gdrive'))
  expect(await held(stage)).toBe(0)
  expect(await stage.state.collection('leases').findOne()).toHaveProperty('session')
  const again = await stage.start(driveService(stage))
  await stage.synced(document)
  await again.stop()
  expect(drive.journal.count('upload.start')).toBe(1)
  // Three of five were there; the fourth was on its way.
  expect(drive.journal.count('upload.chunk')).toBe(4 + 2)
  expect(drive.files()).toHaveLength(1)
})

test.each([
  ['the end of the grace period', { shutdown_grace: 2 }, false],
  ['a second signal', { shutdown_grace: 3_600 }, true],
] as const)(
  'MongoDB is away, an upload hangs: %s ends it, with 0',
  async (_what, general, isForced) => {
    const set = await startReplicaSet()
    onTestFinished(async () => await set.stop())
    const stage = await Stage.open({ uri: set.uri })
    const drive = await startFakeDrive()
    onTestFinished(async () => await drive.close())
    drive.addFolder('w')
    drive.fault({ on: ['upload.multipart', 'upload.start'], effect: { kind: 'hang' } })
    const gdrive = {
      provider: 'gdrive',
      root: { work: '/My Drive/w' },
      credentials_url: await drive.writeCredentials(stage.dir),
      api_endpoint: drive.endpoint,
    }
    const config = await writeConfig(stage, { general: { remote_site: 'gdrive', ...general }, sites: { gdrive } })
    const service = new ServiceProcess(['run', '--config', config])
    await service.lines.until('service.ready')
    const document = await publishFor(stage, 'gdrive', 'a.ma')
    await waitFor('the upload', () => drive.journal.count('upload.multipart', 'upload.start') > 0)
    const primary = await set.primary()
    await set.stopMember(primary, 'SIGKILL')
    await service.lines.until('stream.lost', 1, { withinMs: 30_000 })
    service.signal('SIGTERM')
    if (isForced) {
      await service.lines.until('service.stopping')
      // A second one within half a second would count as the first.
      const since = performance.now()
      await waitFor('that time to be over', () => performance.now() - since > 600)
      service.signal('SIGTERM')
    }
    // Neither ever comes: the hanging answer, or MongoDB.
    expect(await service.end(60_000)).toBe(0)
    expect([service.stderr, service.fault, service.lines.unpaired()]).toEqual(['', undefined, []])
    await set.startMember(primary)
    expect(await stage.record(document, { site: 'gdrive' })).toEqual(recordOf(document.files[0], 'gdrive'))
  },
  180_000,
)

import { execFile } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, onTestFinished, test } from 'vitest'

import { CAN_MOUNT, faultyMount } from '../../support/faulty-mount.ts'
import { filesBelow, mirrorRecords, openMirrorStage, type MirrorStage } from '../../support/mirror-stage.ts'
import { entry, inArray, representation, type Representation } from '../../support/published.ts'

const run = promisify(execFile)
const [EIO, EACCES, EBUSY] = [5, 13, 16]

/** One representation a file, wanted at these sites, in this order. */
async function publish({ stage }: MirrorStage, paths: readonly string[], sites: readonly string[] = ['mirror']): Promise<Representation[]> {
  for (const path of paths) await stage.file(path)
  const documents = paths.map((path) => representation([entry(`{root[work]}/${path}`, inArray(...sites))]))
  await stage.insert(...documents)
  return documents
}

const named = (folder: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${folder}/${1001 + n}.exr`)

async function allSynced({ stage }: MirrorStage, documents: readonly Representation[], site = 'mirror'): Promise<void> {
  for (const document of documents) await stage.synced(document, { site })
}

async function allFailedOnce({ stage }: MirrorStage, documents: readonly Representation[]): Promise<void> {
  for (const document of documents) {
    const record = await stage.until(document, 'one try spent', ({ tries }) => tries === 1, { site: 'mirror' })
    expect(record).not.toHaveProperty('created_dt')
  }
}

describe.skipIf(!CAN_MOUNT)('a fault belongs to the smallest thing that explains it', () => {
  test('one folder of the target is not writable: its files spend their tries, the next folder’s arrive', async () => {
    const all = await openMirrorStage()
    await mkdir(join(all.mirror, 'closed'), { recursive: true })
    const share = await faultyMount(all.mirror, { rules: [{ operation: 'create', path: 'closed/', errno: EACCES }] })
    const running = await all.start()
    const closed = await publish(all, named('closed', 40))
    const open = await publish(all, named('open', 40))
    await allSynced(all, open)
    await allFailedOnce(all, closed)
    expect(running.lines.count('site.cooling')).toBe(0)
    const [failed] = running.lines.of('transfer.failed')
    expect(failed?.error).toMatchObject({ code: 'PERMISSION', message: expect.stringContaining(join(all.mirror, 'closed')) as string })
    await share.fail({})
    await running.stop()
  })

  test('the same in one pass: it reaches the files behind, with one transfer at a time', async () => {
    const all = await openMirrorStage()
    await mkdir(join(all.mirror, 'closed'), { recursive: true })
    await faultyMount(all.mirror, { rules: [{ operation: 'create', path: 'closed/', errno: EACCES }] })
    const closed = await publish(all, named('closed', 5))
    const open = await publish(all, named('open', 5))
    const running = await all.start({}, { mode: 'once', settings: oneAtATime(all) })
    const { failed, synced, troubled } = await running.ended
    expect({ failed, synced, troubled: [...troubled] }).toEqual({ failed: 5, synced: 5, troubled: [] })
    await allSynced(all, open)
    await allFailedOnce(all, closed)
  })

  test('one source file has a bad sector: it spends its tries, also where it is alone; nobody waits', async () => {
    const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
    const { stage } = all
    await stage.file('bad.exr', Buffer.alloc(3_000_000, 'x'))
    await faultyMount(dirname(stage.studioPath('bad.exr')), { rules: [{ operation: 'read', path: 'bad.exr', errno: EIO }] })
    const running = await all.start()
    // Nothing else goes to the mirror.
    const [bad] = await publish({ ...all, stage: withoutFiles(stage) }, ['bad.exr'])
    const good = await publish(all, named('good', 10), ['gdrive'])
    await allSynced(all, good, 'gdrive')
    const exhausted = await running.lines.until('transfer.exhausted')
    expect(exhausted.error).toMatchObject({ code: 'INTERRUPTED', message: expect.stringContaining(stage.studioPath('bad.exr')) as string })
    expect(await stage.record(bad as Representation, { site: 'mirror' })).toMatchObject({ tries: 3 })
    expect(running.lines.count('site.cooling')).toBe(0)
    await running.stop()
  })

  test('one source file has a bad sector: one pass after the other spends one of its tries', async () => {
    const all = await openMirrorStage()
    const { stage } = all
    await stage.file('bad.exr', Buffer.alloc(3_000_000, 'x'))
    await faultyMount(dirname(stage.studioPath('bad.exr')), { rules: [{ operation: 'read', path: 'bad.exr', errno: EIO }] })
    const [bad] = await publish({ ...all, stage: withoutFiles(stage) }, ['bad.exr'])
    for (const tries of [1, 2, 3]) {
      const running = await all.start({}, { mode: 'once' })
      expect([...(await running.ended).troubled]).toEqual([])
      expect(await stage.record(bad as Representation, { site: 'mirror' })).toMatchObject({ tries })
    }
  })

  test('a movie at the target is open in a player: it is copied once a try, the others arrive meanwhile', async () => {
    const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
    await mkdir(all.mirror)
    await writeFile(join(all.mirror, 'movie.mov'), 'the old one')
    await faultyMount(all.mirror, { rules: [{ operation: 'rename', path: 'movie.mov', errno: EBUSY }] })
    const running = await all.start()
    const [movie] = await publish(all, ['movie.mov'])
    const others = await publish(all, named('others', 20))
    await allSynced(all, others)
    await running.lines.until('transfer.exhausted')
    expect(await all.stage.record(movie as Representation, { site: 'mirror' })).toMatchObject({
      tries: 3,
      error: expect.stringContaining('in use, or protected') as string,
    })
    expect(running.lines.count('transfer.started')).toBe(23)
    expect(running.lines.count('site.cooling', 'transfer.retried')).toBe(0)
    expect((await filesBelow(all.mirror)).filter((path) => path.includes('.site-sync'))).toEqual([])
    await running.stop()
  })

  test('a file system that can not rename: the site is in trouble after one copy, and probes copy no file', async () => {
    const all = await openMirrorStage()
    const share = await faultyMount(all.mirror, { rules: [{ operation: 'rename', errno: 38 }] })
    const running = await all.start()
    const documents = await publish(all, named('sh010', 5))
    await running.lines.until('site.cooling', 4)
    expect(running.lines.count('transfer.started')).toBeLessThanOrEqual(4)
    for (const record of (await Promise.all(documents.map(async (document) => await mirrorRecords(all.stage, document)))).flat()) {
      expect(record).not.toHaveProperty('tries')
    }
    await share.fail({})
    await allSynced(all, documents)
    await running.stop()
  })

  test('a file that does not fit is refused before its first byte, says what is missing, and keeps nobody waiting', async () => {
    const all = await openMirrorStage()
    await mkdir(all.mirror)
    await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', all.mirror])
    onTestFinished(async () => void (await run('umount', ['-l', all.mirror])))
    const { stage } = all
    await stage.file('large.mov', Buffer.alloc(20_000_000))
    const [large] = await publish({ ...all, stage: withoutFiles(stage) }, ['large.mov'])
    const small = await publish(all, named('small', 10))
    const running = await all.start({}, { mode: 'once', settings: oneAtATime(all) })
    const { synced, failed, troubled } = await running.ended
    expect({ synced, failed, troubled: [...troubled] }).toEqual({ synced: 10, failed: 1, troubled: [] })
    await allSynced(all, small)
    expect(await stage.record(large as Representation, { site: 'mirror' })).toMatchObject({
      tries: 1,
      error: expect.stringMatching(
        /large\.mov can't be written: it has 19\.1 MiB, and .* MiB are free on its disk: .* MiB are missing/,
      ) as string,
    })
    expect(await readdir(all.mirror)).toEqual(['small'])
  })

  test('everything fails below the root: several folders are the site’s trouble, and it goes on when they are well', async () => {
    const all = await openMirrorStage()
    for (const folder of ['a', 'b', 'c', 'd']) await mkdir(join(all.mirror, folder), { recursive: true })
    const share = await faultyMount(all.mirror, { rules: [{ operation: 'create', path: '/', errno: EIO }] })
    const running = await all.start()
    const documents = await publish(all, ['a/1.exr', 'b/1.exr', 'c/1.exr', 'd/1.exr'])
    const cooling = await running.lines.until('site.cooling')
    expect(cooling).toMatchObject({ error: { code: 'UNREACHABLE' }, site_sync: { site: 'mirror' } })
    await share.fail({})
    await running.lines.until('site.recovered')
    const spent = (await Promise.all(documents.map(async (document) => await mirrorRecords(all.stage, document)))).flat()
    expect(spent.filter((record) => (record as { tries?: number }).tries !== undefined).length).toBeLessThanOrEqual(2)
    await running.stop()
  })

  test('a site that recovers does not cool down for another file’s fault in the same moment', async () => {
    const all = await openMirrorStage()
    const share = await faultyMount(all.mirror, { rules: [{ operation: 'create', errno: EIO }] })
    const running = await all.start()
    const documents = await publish(all, ['closed/a.exr', ...named('open', 5)])
    await running.lines.until('site.cooling')
    await share.fail({ rules: [{ operation: 'create', path: 'closed/', errno: EIO }] })
    await running.lines.until('site.recovered')
    await allSynced(all, documents.slice(1))
    await all.stage.until(documents[0] as Representation, 'a try', ({ tries }) => tries === 1, { site: 'mirror' })
    const after = running.lines.lines.slice(running.lines.lines.findIndex((line) => line.event?.action === 'site.recovered'))
    expect(after.filter((line) => line.event?.action === 'site.cooling')).toEqual([])
    await running.stop()
  })
})

function oneAtATime({ stage, mirror }: MirrorStage): MirrorStage['stage']['settings'] {
  const site = { name: 'mirror', provider: 'local_drive', root: new Map([['work', mirror]]), concurrency: 1, alternativeSites: [] }
  return { ...stage.settings, remoteSite: 'mirror', sites: new Map(stage.settings.sites).set('mirror', site) }
}

/** The files are there already. */
function withoutFiles(stage: MirrorStage['stage']): MirrorStage['stage'] {
  return Object.assign(Object.create(stage) as MirrorStage['stage'], {
    file: async () => Promise.resolve(),
    insert: async (...documents: Representation[]) => await stage.insert(...documents),
  })
}

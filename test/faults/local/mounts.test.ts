import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, onTestFinished, test } from 'vitest'

import type { Site } from '../../../src/model/site.ts'
import { CAN_MOUNT } from '../../support/faulty-mount.ts'
import { mountShare } from '../../support/mounted-share.ts'
import { expectMirrored, filesBelow, mirrorRecords, openMirrorStage, type MirrorStage } from '../../support/mirror-stage.ts'
import { entry, inArray, representation, type Representation } from '../../support/published.ts'
import type { Running } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'

const run = promisify(execFile)

/** A file system in memory at a folder; each mount is another disk, with nothing on it. */
async function memoryDisk(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await run('mount', ['-t', 'tmpfs', 'tmpfs', folder])
  onTestFinished(async () => await run('umount', ['-l', folder]).then(nothing, nothing))
}
const nothing = (): void => undefined

async function publish({ stage }: MirrorStage, ...paths: string[]): Promise<Representation> {
  const document = representation(paths.map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
  await stage.insert(document)
  return document
}

async function expectUnspent({ stage }: MirrorStage, document: Representation): Promise<void> {
  for (const record of await mirrorRecords(stage, document)) {
    expect(record).not.toHaveProperty('tries')
    expect(record).not.toHaveProperty('created_dt')
  }
}

const missing = (site: string): object => ({ error: { code: 'ROOT_MISSING' }, site_sync: { site } })
const withSite = ({ stage, mirror }: MirrorStage, name: string, more: Partial<Site>): MirrorStage['stage']['settings'] => {
  const root = name === 'mirror' ? mirror : stage.studioPath('')
  const plain: Site = { name: 'mirror', provider: 'local_drive', root: new Map([['work', mirror]]), alternativeSites: [] }
  const sites = new Map(stage.settings.sites).set('mirror', plain)
  sites.set(name, { ...plain, name, root: new Map([['work', root]]), ...more })
  return { ...stage.settings, remoteSite: 'mirror', sites }
}

describe.skipIf(!CAN_MOUNT)('a share that is unmounted', () => {
  test('of the target: the empty mount point is not taken for it, also after a restart; mounted again, all arrives', async () => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    const nas = await mountShare(mirror)
    for (const path of ['a.exr', 'sh010/b.exr', 'sh010/c.exr']) await stage.file(path)
    const first = await all.start()
    await expectMirrored(all, await publish(all, 'a.exr'), { 'a.exr': 'a.exr' })
    await nas.leave()
    const document = await publish(all, 'sh010/b.exr')
    const cooling = await first.lines.until('site.cooling')
    expect(cooling).toMatchObject(missing('mirror'))
    expect(cooling.message).toMatch(/is not the one it was: .* site-sync accept-root mirror/)
    await first.stop()
    const second = await all.start()
    const another = await publish(all, 'sh010/c.exr')
    expect(await second.lines.until('site.cooling', 2)).toMatchObject(missing('mirror'))
    for (const each of [document, another]) await expectUnspent(all, each)
    expect(await readdir(mirror)).toEqual([])
    await nas.mount()
    for (const each of [document, another]) await stage.synced(each, { site: 'mirror' })
    expect(await filesBelow(mirror)).toEqual(['a.exr', 'sh010/b.exr', 'sh010/c.exr'])
    await second.stop()
  })

  test('of the source: no file is exhausted; mounted again, all arrives', async () => {
    const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
    const { stage } = all
    const work = dirname(stage.studioPath('a.exr'))
    const nas = await mountShare(work)
    for (const path of ['a.exr', 'b.exr', 'c.exr', 'd.exr']) await stage.file(path)
    const running = await all.start()
    await expectMirrored(all, await publish(all, 'a.exr'), { 'a.exr': 'a.exr' })
    await nas.leave()
    const document = await publish(all, 'b.exr', 'c.exr', 'd.exr')
    expect(await running.lines.until('site.cooling')).toMatchObject(missing('studio'))
    await running.lines.until('site.cooling', 3)
    await expectUnspent(all, document)
    await nas.mount()
    for (const file of [0, 1, 2]) await stage.synced(document, { site: 'mirror', file })
    expect(running.lines.count('transfer.exhausted')).toBe(0)
    await running.stop()
  })

  test('of a source that only the documents name: the same', async () => {
    const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
    const { stage, mirror } = all
    const sites = new Map([...stage.settings.sites].filter(([name]) => name !== 'studio'))
    sites.set('mirror', { name: 'mirror', provider: 'local_drive', root: new Map([['work', mirror]]), alternativeSites: [] })
    const work = dirname(stage.studioPath('a.exr'))
    const nas = await mountShare(work)
    for (const path of ['a.exr', 'b.exr']) await stage.file(path)
    const running = await all.start({}, { settings: { ...stage.settings, remoteSite: 'mirror', sites } })
    const documents = ['a.exr', 'b.exr'].map((path) =>
      representation([entry(`{root[work]}/${path}`, inArray('mirror'))], { context: { root: { work } } }),
    ) as [Representation, Representation]
    await stage.insert(documents[0])
    await stage.synced(documents[0], { site: 'mirror' })
    await nas.leave()
    await stage.insert(documents[1])
    await running.lines.until('transfer.failed', 3)
    expect(running.lines.of('transfer.failed').map(({ error }) => error?.code)).toContain('ROOT_MISSING')
    await expectUnspent(all, documents[1])
    await nas.mount()
    await stage.synced(documents[1], { site: 'mirror' })
    await running.stop()
  })

  test('of the target, in one pass: exit as failed, nothing written, nothing spent', async () => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    const nas = await mountShare(mirror)
    await stage.file('a.exr')
    await stage.file('b.exr')
    const first = await publish(all, 'a.exr')
    await (
      await all.start({}, { mode: 'once' })
    ).ended
    await stage.synced(first, { site: 'mirror' })
    await nas.leave()
    const second = await publish(all, 'b.exr')
    const { troubled } = await (await all.start({}, { mode: 'once' })).ended
    expect([...troubled]).toEqual(['mirror'])
    await expectUnspent(all, second)
    expect(await readdir(mirror)).toEqual([])
  })
})

/** Publishes a file while the disk is there, and one after it was changed. */
async function changed(all: MirrorStage, change: () => Promise<void>): Promise<{ running: Running; document: Representation }> {
  for (const path of ['a.exr', 'b.exr']) await all.stage.file(path)
  const running = await all.start()
  await all.stage.synced(await publish(all, 'a.exr'), { site: 'mirror' })
  await change()
  return { running, document: await publish(all, 'b.exr') }
}

describe.skipIf(!CAN_MOUNT)('another disk at the same place', () => {
  test('that is empty is in doubt; it is taken once somebody accepts it', async () => {
    const all = await openMirrorStage()
    await memoryDisk(all.mirror)
    const { running, document } = await changed(all, async () => {
      await run('umount', ['-l', all.mirror])
      await memoryDisk(all.mirror)
    })
    const cooling = await running.lines.until('site.cooling')
    expect(cooling.message).toMatch(/is empty now: is it mounted\? If it was moved on purpose: site-sync accept-root mirror/)
    await expectUnspent(all, document)
    expect(await readdir(all.mirror)).toEqual([])
    const accept = async (...args: string[]): Promise<unknown> => {
      const command = new ServiceProcess(['accept-root', 'mirror', '--json', '--config', await writeConfig(all.stage), ...args])
      expect(await command.end()).toBe(0)
      return JSON.parse(command.stdout)
    }
    expect(await accept('--dry-run')).toEqual({ site: 'mirror', roots: [all.mirror], forgotten: 1, dry_run: true })
    expect(await all.stage.state.collection('root_disks').countDocuments({ root: all.mirror })).toBe(1)
    expect(await accept()).toEqual({ site: 'mirror', roots: [all.mirror], forgotten: 1, dry_run: false })
    await all.stage.synced(document, { site: 'mirror' })
    await running.stop()
  })

  test('with the files of before on it is the same share, mounted again', async () => {
    const all = await openMirrorStage()
    await memoryDisk(all.mirror)
    const { running, document } = await changed(all, async () => {
      const files = await readFile(join(all.mirror, 'a.exr'))
      await run('umount', ['-l', all.mirror])
      await memoryDisk(all.mirror)
      await writeFile(join(all.mirror, 'a.exr'), files)
    })
    await all.stage.synced(document, { site: 'mirror' })
    expect(running.lines.count('site.cooling')).toBe(0)
    await running.stop()
  })

  test('over a folder of the system’s disk is another one', async () => {
    const all = await openMirrorStage()
    const { running, document } = await changed(all, async () => await memoryDisk(all.mirror))
    expect((await running.lines.until('site.cooling')).message).toMatch(/it was on the system's own disk, and is now on tmpfs/)
    await expectUnspent(all, document)
    await run('umount', ['-l', all.mirror])
    await all.stage.synced(document, { site: 'mirror' })
    await running.stop()
  })

  test('a folder of the same disk that takes the place of another, or a link to it, is the same disk', async () => {
    const all = await openMirrorStage()
    const { mirror } = all
    const { running, document } = await changed(all, async () => {
      await rename(mirror, `${mirror}.moved`)
      await symlink(`${mirror}.moved`, mirror)
    })
    await all.stage.synced(document, { site: 'mirror' })
    expect(running.lines.count('site.cooling')).toBe(0)
    await running.stop()
  })
})

describe('a root that has to be', () => {
  test('mounted (require_mount), and is a folder of the system’s disk: ROOT_MISSING, nothing is created', async () => {
    const all = await openMirrorStage()
    const { stage } = all
    await stage.file('a.exr')
    const running = await all.start({}, { settings: withSite(all, 'mirror', { requireMount: true }) })
    const document = await publish(all, 'a.exr')
    expect(await running.lines.until('site.cooling', 2)).toMatchObject(missing('mirror'))
    await expectUnspent(all, document)
    expect(await readdir(stage.dir)).not.toContain('mirror')
    await running.stop()
  })

  test.skipIf(!CAN_MOUNT)('anything (require_mount: false): what stands there is taken', async () => {
    const all = await openMirrorStage()
    const nas = await mountShare(all.mirror)
    for (const path of ['a.exr', 'b.exr']) await all.stage.file(path)
    const running = await all.start({}, { settings: withSite(all, 'mirror', { requireMount: false }) })
    await all.stage.synced(await publish(all, 'a.exr'), { site: 'mirror' })
    await nas.leave()
    await all.stage.synced(await publish(all, 'b.exr'), { site: 'mirror' })
    expect(await readdir(all.mirror)).toEqual(['b.exr'])
    await running.stop()
  })

  test.each(['mirror', 'studio'])('marked (marker_file) at %s: while the marker is not there, nothing is read or written', async (site) => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    await mkdir(mirror)
    for (const path of ['a.exr', 'b.exr']) await stage.file(path)
    const marker = join(site === 'mirror' ? mirror : stage.studioPath(''), '.marker')
    const running = await all.start({}, { settings: withSite(all, site, { markerFile: '.marker' }) })
    const document = await publish(all, 'a.exr')
    const cooling = await running.lines.until('site.cooling')
    expect(cooling).toMatchObject(missing(site))
    expect(cooling.message).toContain('marker file .marker')
    await expectUnspent(all, document)
    await writeFile(marker, '')
    await stage.synced(document, { site: 'mirror' })
    await rename(marker, `${marker}.away`)
    const second = await publish(all, 'b.exr')
    const isMissing = async (): Promise<boolean> =>
      running.lines.of('site.cooling').length > 1 && (await filesBelow(mirror)).includes('a.exr')
    await expect.poll(isMissing, { timeout: 20_000 }).toBe(true)
    await expectUnspent(all, second)
    await rename(`${marker}.away`, marker)
    await stage.synced(second, { site: 'mirror' })
    await running.stop()
  })
})

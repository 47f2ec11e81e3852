import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, onTestFinished, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { fullDisk, readOnly, type Hindrance } from '../../support/hindered-folder.ts'
import { expectMirrored, filesBelow, mirrorRecords, openMirrorStage, type MirrorStage } from '../../support/mirror-stage.ts'
import { entry, inArray, representation, type Representation } from '../../support/published.ts'

const run = promisify(execFile)

/** Files that are wanted at the mirror and, in memory, at `gdrive`. */
async function publish({ stage }: MirrorStage, contents: Readonly<Record<string, string | Buffer>>): Promise<Representation> {
  for (const [path, content] of Object.entries(contents)) await stage.file(path, content)
  const document = representation(Object.keys(contents).map((path) => entry(`{root[work]}/${path}`, inArray('mirror', 'gdrive'))))
  await stage.insert(document)
  return document
}

async function syncedElsewhere({ stage }: MirrorStage, document: Representation): Promise<void> {
  for (const file of document.files.keys()) await stage.synced(document, { file })
}

/** At most the reason is written, for as many as went at once. */
async function expectUnspent({ stage }: MirrorStage, document: Representation): Promise<void> {
  for (const record of await mirrorRecords(stage, document)) {
    const { name, error, ...rest } = record as Record<string, unknown>
    expect([name, typeof error === 'string' || error === undefined, rest]).toEqual(['mirror', true, {}])
  }
}

const HINDRANCES: readonly { readonly what: string; readonly code: string; readonly make: (folder: string) => Promise<Hindrance> }[] = [
  { what: 'is full', code: 'DISK_FULL', make: fullDisk },
  { what: 'may not be written to', code: 'PERMISSION', make: readOnly },
]

describe('a target disk that', () => {
  test.for(HINDRANCES)('$what: no try, left alone, others go on, nothing is left behind; mended, all arrives', async ({ code, make }) => {
    const all = await openMirrorStage()
    const hindrance = await make(all.mirror)
    const contents = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`sh010/${name}.exr`, randomBytes(1_500_000)]))
    const running = await all.start({ mirror: hindrance.interference })
    const document = await publish(all, contents)
    const cooling = await running.lines.until('site.cooling')
    expect(cooling).toMatchObject({ error: { code }, site_sync: { site: 'mirror' } })
    expect(cooling.error?.message).toContain(all.mirror)
    await syncedElsewhere(all, document)
    // Tried again, in vain.
    await running.lines.until('site.cooling', 2)
    await expectUnspent(all, document)
    // The next attempt may be under way just now: what is left behind stays.
    await expect.poll(async () => (await filesBelow(all.mirror)).filter((path) => path !== '.ballast'), { timeout: 5_000 }).toEqual([])
    await hindrance.end()
    await running.lines.until('site.recovered')
    await expectMirrored(all, document, contents)
    // What went at once when it began, and one each time it was tried.
    expect(running.lines.count('transfer.failed')).toBeLessThanOrEqual(4 + running.lines.count('site.cooling'))
    await running.stop()
  })
})

test('a file of the same size that may not be read at the target is replaced: its reader is not the source', async () => {
  const all = await openMirrorStage()
  const { mirror } = all
  await mkdir(mirror)
  await writeFile(join(mirror, 'a.exr'), 'old')
  const running = await all.start({
    mirror: {
      beforeRead({ path }) {
        throw new SyncError('SOURCE_UNREADABLE', `${path} can't be read: permission denied`)
      },
    },
  })
  const document = await publish(all, { 'a.exr': 'new' })
  await expectMirrored(all, document, { 'a.exr': 'new' })
  expect(running.lines.count('transfer.failed', 'site.cooling')).toBe(0)
  await running.stop()
})

describe('a root that is not mounted', () => {
  test('of the target: trouble of the site, nothing is created in its place; mounted again, all arrives', async () => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    const running = await all.start()
    const before = await publish(all, { 'a.exr': 'a' })
    await expectMirrored(all, before, { 'a.exr': 'a' })
    await rename(mirror, `${mirror}.away`)
    const document = await publish(all, { 'sh010/b.exr': 'b', 'sh010/c.exr': 'c' })
    const cooling = await running.lines.until('site.cooling')
    expect(cooling).toMatchObject({ error: { code: 'ROOT_MISSING' }, site_sync: { site: 'mirror' } })
    await syncedElsewhere(all, document)
    await running.lines.until('site.cooling', 2)
    await expectUnspent(all, document)
    expect(await readdir(stage.dir)).not.toContain('mirror')
    await rename(`${mirror}.away`, mirror)
    for (const file of [0, 1]) await stage.synced(document, { site: 'mirror', file })
    expect(await filesBelow(mirror)).toEqual(['a.exr', 'sh010/b.exr', 'sh010/c.exr'])
    await expectClean(all, document)
    await running.stop()
  })

  test('of the source: no file is to blame; mounted again, all arrives', async () => {
    const all = await openMirrorStage()
    const { stage } = all
    const work = stage.studioPath('')
    await stage.file('sh010/b.exr', 'b')
    await stage.file('sh010/c.exr', 'c')
    await rename(work, `${stage.dir}/away`)
    const running = await all.start()
    const document = representation(['b', 'c'].map((name) => entry(`{root[work]}/sh010/${name}.exr`, inArray('mirror'))))
    await stage.insert(document)
    const cooling = await running.lines.until('site.cooling')
    expect(cooling).toMatchObject({ error: { code: 'ROOT_MISSING' }, site_sync: { site: 'studio' } })
    await running.lines.until('site.cooling', 2)
    await expectUnspent(all, document)
    expect(await readdir(stage.dir)).not.toContain('mirror')
    await rename(`${stage.dir}/away`, work)
    await expectMirrored(all, document, { 'sh010/b.exr': 'b', 'sh010/c.exr': 'c' })
    await running.stop()
  })
})

async function expectClean({ stage }: MirrorStage, document: Representation): Promise<void> {
  const id = expect.any(String) as string
  const record = { name: 'mirror', created_dt: expect.any(Date) as Date, id }
  expect(await mirrorRecords(stage, document)).toEqual(document.files.map(() => record))
}

/** Puts something that is no file at a path. */
const KINDS: Readonly<Record<string, (path: string, all: MirrorStage) => Promise<void>>> = {
  'a FIFO': async (path) => void (await run('mkfifo', [path])),
  'a socket': async (path) => {
    const server = createServer()
    const { promise, resolve } = Promise.withResolvers<void>()
    // A socket's address is short: it is bound by its name in the working folder of the shortest spelling.
    server.listen(path, resolve)
    await promise
    onTestFinished(() => void server.close())
  },
  'a folder': async (path) => await mkdir(path),
  'a link out of the root': async (path, { stage }) => await symlink(join(stage.dir, 'secret'), path),
  'a link to itself': async (path) => await symlink(path, path),
}

describe('in the place of a file stands', () => {
  test.for(Object.entries(KINDS))(
    '%s: one try, told by its path, at either side; nothing hangs, nothing outside is touched',
    async ([, put]) => {
      const all = await openMirrorStage()
      const { stage, mirror } = all
      await writeFile(join(stage.dir, 'secret'), 'secret')
      await stage.file('good.exr')
      await stage.file('there.exr')
      await mkdir(mirror)
      await put(stage.studioPath('odd.exr'), all)
      await put(join(mirror, 'there.exr'), all)
      const document = representation(['odd.exr', 'there.exr', 'good.exr'].map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
      const running = await all.start()
      await stage.insert(document)
      for (const [file, folder] of [stage.studioPath('odd.exr'), join(mirror, 'there.exr')].entries()) {
        const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { site: 'mirror', file })
        expect(record['error']).toContain(folder)
        expect(record).not.toHaveProperty('created_dt')
      }
      await stage.synced(document, { site: 'mirror', file: 2 })
      await running.lines.until('transfer.failed', 2)
      const codes = running.lines.of('transfer.failed').map(({ error }) => error?.code)
      for (const code of codes) expect(['NOT_A_FILE', 'TARGET_CONFLICT', 'BAD_PATH']).toContain(code)
      expect(codes).toHaveLength(2)
      expect(running.lines.count('site.cooling')).toBe(0)
      expect(await filesBelow(stage.dir)).toContain('secret')
      expect((await filesBelow(mirror)).filter((path) => path.includes('.site-sync'))).toEqual([])
      await running.stop()
    },
  )

  test('a folder above it that is a link out of the root: refused at either side', async () => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    const outside = join(stage.dir, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'a.exr'), 'secret')
    await stage.file('sh020/b.exr', 'b')
    await stage.file('good.exr', 'good')
    await mkdir(mirror)
    await symlink(outside, stage.studioPath('sh010'))
    await symlink(outside, join(mirror, 'sh020'))
    const paths = ['sh010/a.exr', 'sh020/b.exr', 'good.exr']
    const document = representation(paths.map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
    const running = await all.start()
    await stage.insert(document)
    for (const file of [0, 1]) {
      const { error } = await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { site: 'mirror', file })
      expect(error).toContain('leads out of the root')
    }
    await stage.synced(document, { site: 'mirror', file: 2 })
    expect(await readdir(outside)).toEqual(['a.exr'])
    expect(await filesBelow(mirror)).toEqual(['good.exr', 'sh020'])
    await running.stop()
  })

  test('a file where a folder is needed: that file alone fails', async () => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    await mkdir(mirror)
    await writeFile(join(mirror, 'sh010'), 'a file')
    await stage.file('sh010/a.exr', 'a')
    await stage.file('b.exr', 'b')
    const document = representation(['sh010/a.exr', 'b.exr'].map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
    const running = await all.start()
    await stage.insert(document)
    await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { site: 'mirror' })
    await stage.synced(document, { site: 'mirror', file: 1 })
    await running.lines.until('transfer.failed')
    expect(running.lines.of('transfer.failed').map(({ error }) => error?.code)).toEqual(['TARGET_CONFLICT'])
    expect(await filesBelow(mirror)).toEqual(['b.exr', 'sh010'])
    await running.stop()
  })
})

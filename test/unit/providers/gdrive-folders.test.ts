import { afterEach, describe, expect, test } from 'vitest'

import type { Provider, RemoteFile } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig, RigOptions } from '../../support/fake-drive/rig.ts'
import { permitOf } from '../../support/permits.ts'

let rig: Rig
async function open(options?: RigOptions): Promise<Rig> {
  rig = await openRig(options)
  return rig
}
afterEach(async () => {
  await rig.close()
})

const signal = noSignal

async function writeWith(provider: Provider, path: string, content = path): Promise<RemoteFile> {
  return await provider.write(rig.at(path), memorySource(content), { signal, permit: permitOf(), onProgress: () => {} })
}

/** All of `paths`, so many at a time, spread over the providers. */
async function writeAll(providers: readonly Provider[], paths: readonly string[], workers: number): Promise<void> {
  const queue = [...paths]
  const worker = async (_: unknown, index: number): Promise<void> => {
    const provider = providers[index % providers.length] as Provider
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) await writeWith(provider, path)
  }
  await Promise.all(Array.from({ length: workers }, worker))
}

const FOLDERS = Array.from({ length: 10 }, (_, index) => `seq/shot_${index}/publish`)
const PATHS = Array.from({ length: 40 }, (_, index) => `${FOLDERS[index % 10] ?? ''}/f.${index}.exr`)
const EXPECTED = [
  'w/',
  'w/seq/',
  ...FOLDERS.flatMap((folder) => [`w/${folder.replace('/publish', '')}/`, `w/${folder}/`]),
  ...PATHS.map((path) => `w/${path}`),
]
  .map((path) => `My Drive/${path}`)
  .sort()

/** What two processes share to agree on ids. */
function reservations() {
  const ids = new Map<string, string>()
  return async (key: string, proposed: string, spent?: string): Promise<string> => {
    await Promise.resolve()
    if (!ids.has(key) || ids.get(key) === spent) ids.set(key, proposed)
    return ids.get(key) ?? proposed
  }
}

describe('many files of many new folders', () => {
  test('8 workers: every folder is created once', async () => {
    await open({ settings: { latencyMs: 100 } })
    await writeAll([rig.provider], PATHS, 8)
    expect(rig.drive.tree()).toEqual(EXPECTED)
    expect(rig.drive.journal.count('files.create')).toBe(21)
    expect(rig.drive.journal.count('upload.multipart')).toBe(40)
    expect(rig.drive.tokensIssued).toBe(1)
  })

  test('two processes that reserve ids: every folder is created once', async () => {
    await open({ settings: { latencyMs: 100 }, context: { reserveFolderId: reservations() } })
    await writeAll([rig.provider, await rig.another()], PATHS, 8)
    expect(rig.drive.tree()).toEqual(EXPECTED)
  })

  test('two processes that do not: twins are settled, and all files are where everyone finds them', async () => {
    await open({ settings: { latencyMs: 20 } })
    const second = await rig.another()
    await writeAll([rig.provider, second], PATHS, 8)
    const third = await rig.another()
    expect(rig.drive.tree()).toEqual(EXPECTED)
    for (const path of PATHS) expect((await third.stat(rig.at(path), { signal }))?.size).toBe(path.length)
  })
})

describe('a reserved id', () => {
  test('whose folder was removed gives way to the next, the same for everyone', async () => {
    const reserveFolderId = reservations()
    await open({ context: { reserveFolderId } })
    await rig.write('p/a', 'x')
    for (const how of ['trash', 'delete'] as const) {
      const folder = rig.drive.file('My Drive/w/p/a')?.parent ?? ''
      rig.drive[how](folder)
      const others = [await rig.another(), await rig.another()]
      await writeAll(others, ['p/a', 'p/b', 'p/c', 'p/d'], 4)
      expect(rig.drive.tree()).toEqual(['w/', 'w/p/', 'w/p/a', 'w/p/b', 'w/p/c', 'w/p/d'].map((path) => `My Drive/${path}`))
    }
  })

  test('whose folder somebody gave another name is not that folder any more', async () => {
    const reserveFolderId = reservations()
    await open({ context: { reserveFolderId } })
    await rig.write('p/a', 'old')
    const folder = rig.drive.store.peek(rig.drive.file('My Drive/w/p/a')?.parent ?? '')
    if (folder) folder.name = 'p_old'
    const others = [await rig.another(), await rig.another()]
    await writeAll(others, ['p/a', 'p/b'], 2)
    expect(rig.drive.tree()).toEqual(['w/', 'w/p/', 'w/p/a', 'w/p/b', 'w/p_old/', 'w/p_old/a'].map((path) => `My Drive/${path}`))
  })

  test('gives way however often its folder is removed, and costs no more than the first time', async () => {
    await open({ context: { reserveFolderId: reservations() } })
    await rig.write('p/a', 'x')
    for (let times = 0; times < 30; times++) {
      rig.drive.trash(rig.drive.file('My Drive/w/p/a')?.parent ?? '')
      rig.drive.journal.clear()
      await writeWith(await rig.another(), 'p/a')
      expect(rig.drive.journal.count('files.create')).toBe(2)
    }
    expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', 'My Drive/w/p/a'])
  })

  test('a lost reply to creating it: one folder', async () => {
    await open({ context: { reserveFolderId: reservations() } })
    rig.drive.fault({ on: 'files.create', effect: { kind: 'lose-reply' } })
    expect((await rig.persist('p/a', 'x')).faults).toEqual(['INTERRUPTED'])
    expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', 'My Drive/w/p/a'])
  })
})

test('without reservations, too, a lost reply to creating a folder leaves one', async () => {
  await open()
  rig.drive.fault({ on: 'files.create', effect: { kind: 'lose-reply' } })
  expect((await rig.persist('p/q/a', 'x')).faults).toEqual(['INTERRUPTED'])
  expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', 'My Drive/w/p/q/', 'My Drive/w/p/q/a'])
})

test('of twin folders the oldest is used, with one warning', async () => {
  await open()
  rig.drive.addFolder('p', { parent: rig.w, createdTime: '2026-01-02T00:00:00.000Z' })
  const old = rig.drive.addFolder('p', { parent: rig.w, createdTime: '2026-01-01T00:00:00.000Z' })
  await rig.write('p/a', 'x')
  await rig.write('p/b', 'x')
  expect(rig.drive.files().map(({ parent }) => parent)).toEqual([old, old])
  expect(rig.warnings).toEqual(['gdrive: there are 2 folders named "p" in one folder; the oldest is used'])
})

test('a shortcut to a folder leads to it', async () => {
  await open()
  const target = rig.drive.addFolder('elsewhere')
  rig.drive.addShortcut('p', target, { parent: rig.w })
  await rig.write('p/a', 'x')
  expect(rig.drive.tree()).toContain('My Drive/elsewhere/a')
})

test('a shortcut that leads nowhere is said so', async () => {
  await open()
  const target = rig.drive.addFolder('elsewhere')
  rig.drive.addShortcut('p', target, { parent: rig.w })
  rig.drive.trash(target)
  await expect(rig.write('p/a', 'x')).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('shortcut "p"') as string })
})

describe('a folder that was there is gone', () => {
  test.each(['trash', 'delete'] as const)('%s: it is created again, and the file is in it', async (how) => {
    await open()
    await rig.write('p/q/a', 'one')
    rig.drive[how](rig.drive.file('My Drive/w/p/q/a')?.parent ?? '')
    await rig.write('p/q/b', 'two')
    expect(rig.drive.tree()).toEqual(['w/', 'w/p/', 'w/p/q/', 'w/p/q/b'].map((path) => `My Drive/${path}`))
  })

  test('the whole tree above it', async () => {
    await open()
    await rig.write('p/q/r/a', 'one')
    rig.drive.trash(rig.drive.store.children(rig.w)[0]?.id ?? '')
    await rig.write('p/q/s/b', 'two')
    await rig.write('p/q/r/b', 'three')
    expect(rig.drive.tree()).toEqual(
      ['w/', 'w/p/', 'w/p/q/', 'w/p/q/r/', 'w/p/q/r/b', 'w/p/q/s/', 'w/p/q/s/b'].map((path) => `My Drive/${path}`),
    )
  })

  test.each(['trash', 'delete'] as const)('%s of the root: that is trouble of the site', async (how) => {
    await open()
    await rig.write('p/a', 'one')
    rig.drive[how](rig.w)
    const fault = await rig.write('p/b', 'two').catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'ROOT_MISSING', kind: 'site', message: expect.stringContaining(rig.drive.email) as string })
    const w = rig.drive.addFolder('w')
    await rig.write('p/b', 'two')
    expect(rig.drive.files()).toMatchObject([{ path: 'My Drive/w/p/b' }])
    expect(rig.drive.tree()).toContain('My Drive/w/p/')
    expect(w).not.toBe(rig.w)
  })
})

test('folders with more children than are listed are asked for each name', async () => {
  await open({ provider: { largeFolder: 50 }, settings: { longestPage: 20 } })
  const parent = rig.drive.addFolder('big', { parent: rig.w })
  for (let index = 0; index < 60; index++) rig.drive.addFile(`f.${index}`, 'old', { parent })
  expect(await rig.provider.stat(rig.at('big/f.7'), { signal })).toMatchObject({ size: 3 })
  expect(await rig.provider.stat(rig.at('big/F.7'), { signal })).toBeUndefined()
  await rig.write('big/f.7', 'newer')
  await rig.write('big/new', 'x')
  expect(await rig.provider.stat(rig.at('big/new'), { signal })).toMatchObject({ size: 1 })
  expect(rig.drive.files()).toHaveLength(61)
  const lists = rig.drive.journal.of('files.list').filter(({ query }) => query['q']?.includes(parent))
  // Three pages until it was seen to be large, and one question a name since.
  expect(lists.filter(({ query }) => !query['q']?.includes('name ='))).toHaveLength(3)
})

test('a folder of several pages is listed to its end', async () => {
  await open({ settings: { longestPage: 7 } })
  const parent = rig.drive.addFolder('p', { parent: rig.w })
  for (let index = 0; index < 30; index++) rig.drive.addFile(`f.${index}`, 'old', { parent })
  for (let index = 0; index < 30; index++) await rig.write(`p/f.${index}`, 'newer')
  expect(rig.drive.files()).toHaveLength(30)
  expect((await Array.fromAsync(rig.provider.list(rig.at('p'), { signal }))).map(({ name }) => name).sort()).toEqual(
    Array.from({ length: 30 }, (_, index) => `f.${index}`).sort(),
  )
})

test('1,000 files of 100 KB at 100 ms latency, 16 at a time', { timeout: 60_000 }, async () => {
  await open({ settings: { latencyMs: 100 } })
  const content = Buffer.alloc(100_000, 'x')
  const queue = Array.from({ length: 1000 }, (_, index) => `p/q/f.${index}`)
  const worker = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) await rig.write(path, content)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  const { journal } = rig.drive
  expect(rig.drive.files()).toHaveLength(1000)
  expect(journal.entries.length).toBeLessThanOrEqual(1300)
  expect(journal.connections).toBeLessThanOrEqual(20)
  expect(journal.concurrentUploads).toBe(16)
})

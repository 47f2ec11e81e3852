import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { ByteSource, WriteSession } from '../../../src/providers/provider.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { memorySource } from '../../support/memory-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'
import { permitOf } from '../../support/permits.ts'

const KIB = 1024
const MIB = 1024 * KIB

let rig: Rig
beforeEach(async () => {
  rig = await openRig({ provider: { sizes: { firstChunk: 256 * KIB, largestChunk: MIB, maxMultipartBytes: 5 * MIB } } })
})
afterEach(async () => {
  await rig.close()
})

test('a small file takes one request once its folder is known', async () => {
  await rig.write('p/a.ma', 'hello')
  rig.drive.journal.clear()
  const file = await rig.write('p/b.ma', 'world')
  expect(rig.drive.journal.entries.map(({ operation }) => operation)).toEqual(['upload.multipart'])
  expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', 'My Drive/w/p/a.ma', 'My Drive/w/p/b.ma'])
  const stored = rig.drive.file('My Drive/w/p/b.ma')
  expect(stored).toMatchObject({ id: file.id, size: 5, revisions: 1, modifiedTime: '2024-03-05T06:07:08.123Z' })
  expect(stored?.bytes?.toString()).toBe('world')
  expect(file).toMatchObject({ size: 5, checksum: { algorithm: 'md5', value: stored?.md5 }, modified: memorySource('').modified })
  expect(rig.drive.tokensIssued).toBe(1)
})

test.each([
  ['year 30828', '+030828-09-14T02:48:05.477Z', undefined],
  ['year 10000', '+010000-01-01T00:00:00.000Z', undefined],
  ['year 9999', '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['before 1970', '1601-01-01T00:00:00.000Z', '1601-01-01T00:00:00.000Z'],
  ['year 1', '0001-01-01T00:00:00.000Z', '0001-01-01T00:00:00.000Z'],
  ['before year 1', '-000001-06-01T00:00:00.000Z', undefined],
  ['no time at all', 'nonsense', undefined],
])('a file of %s is sent, with its time where Drive can say it', async (_what, written, said) => {
  const modified = new Date(written)
  for (const content of ['first', 'replaced']) {
    const source = memorySource(content, { modified })
    const file = await rig.write('strange.ma', source)
    expect(file.size).toBe(content.length)
    const stored = rig.drive.file('My Drive/w/strange.ma')
    expect(stored?.modifiedTime).toMatch(said ?? /^2\d{3}-/)
  }
  const large = await rig.write('large.bin', memorySource(Buffer.alloc(6 * MIB), { modified }))
  expect(large.size).toBe(6 * MIB)
})

test('2,000 new files in one folder, each asked for first, take 2,000 requests and a few', { timeout: 60_000 }, async () => {
  const names = Array.from({ length: 2000 }, (_, index) => `p/f.${String(index).padStart(4, '0')}.exr`)
  const queue = [...names]
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      expect(await rig.provider.stat(rig.at(name), { signal: noSignal })).toBeUndefined()
      await rig.write(name, name)
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  expect(
    rig.drive
      .files()
      .map(({ path }) => path)
      .sort(),
  ).toEqual(names.map((name) => `My Drive/w/${name}`))
  expect(rig.drive.journal.count('upload.multipart')).toBe(2000)
  expect(rig.drive.journal.entries.length).toBeLessThanOrEqual(2050)
  expect(rig.drive.journal.connections).toBeLessThanOrEqual(20)
})

describe.each([
  { way: 'in one request', maxMultipartBytes: 1024 * MIB },
  { way: 'in chunks', maxMultipartBytes: -1 },
])('$way', ({ maxMultipartBytes }) => {
  const sizes = [0, 1, 262_143, 262_144, 262_145, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 8 * MIB]
  test.each(sizes)('%d bytes arrive as they were', async (size) => {
    await rig.close()
    rig = await openRig({ provider: { sizes: { firstChunk: 256 * KIB, largestChunk: MIB, maxMultipartBytes } } })
    const source = patternSource(size)
    const file = await rig.write('x.bin', source)
    const md5 = await source.checksum('md5', noSignal)
    expect(file).toMatchObject({ size, checksum: { algorithm: 'md5', value: md5 } })
    expect(rig.drive.files()).toMatchObject([{ id: file.id, size, md5, revisions: 1 }])
    expect(rig.progress.at(-1)).toBe(size)
    // One pass over the source is enough.
    expect(source.opened.filter((offset) => offset > 0)).toEqual([])
    expect(source.opened.length).toBeLessThanOrEqual(1)
  })
})

test('5 MiB go in one request, one byte more in chunks', async () => {
  await rig.write('small', patternSource(5 * MIB))
  await rig.write('large', patternSource(5 * MIB + 1))
  const { journal } = rig.drive
  expect([journal.count('upload.multipart'), journal.count('upload.start')]).toEqual([1, 1])
  const ranges = journal.of('upload.chunk').map(({ contentRange }) => contentRange)
  expect(ranges[0]).toBe('bytes 0-262143/5242881')
  expect(ranges[1]).toBe('bytes 262144-786431/5242881')
  expect(ranges[2]).toBe('bytes 786432-1835007/5242881')
  expect(ranges.at(-1)).toMatch(/-5242880\/5242881$/)
})

test('overwriting keeps the id, adds a revision and sets the time', async () => {
  const first = await rig.write('a.ma', 'one')
  const second = await rig.write('a.ma', memorySource('two!', { modified: new Date('2027-01-02T03:04:05.678Z') }))
  const third = await rig.write('a.ma', patternSource(6 * MIB, new Date('2027-01-02T03:04:05.679Z')))
  expect([second.id, third.id]).toEqual([first.id, first.id])
  expect(rig.drive.files()).toMatchObject([{ id: first.id, size: 6 * MIB, revisions: 3, modifiedTime: '2027-01-02T03:04:05.679Z' }])
  expect(rig.drive.journal.count('files.delete', 'files.update')).toBe(0)
})

test('a file that somebody else put there meanwhile is replaced, not doubled, once the listing is renewed', async () => {
  const { provider, drive } = rig
  expect(await provider.stat(rig.at('a.ma'), { signal: noSignal })).toBeUndefined()
  const second = await rig.another()
  const theirs = await second.write(rig.at('a.ma'), memorySource('theirs'), {
    signal: noSignal,
    permit: permitOf(),
    onProgress: () => {},
  })
  await expect.poll(async () => (await provider.stat(rig.at('a.ma'), { signal: noSignal }))?.id, { timeout: 5000 }).toBe(theirs.id)
  await rig.write('a.ma', 'ours')
  expect(drive.files()).toMatchObject([{ id: theirs.id, size: 4, revisions: 2 }])
})

test.each([
  `it's \\ "ü".exr`,
  '100%_#?.tif',
  'a\\b',
  'žluťoučký kůň.ma',
  "'",
  "\\'",
  'and or not (x)',
  '{root[work]}.ma',
  ' spaces ',
  'emoji 🎬.mov',
])('the name %s is kept to the letter, as file and as folder', async (name) => {
  const file = await rig.write(`${name}/${name}`, 'x')
  const second = await rig.another()
  expect((await second.stat(rig.at(`${name}/${name}`), { signal: noSignal }))?.id).toBe(file.id)
  await second.write(rig.at(`${name}/${name}`), memorySource('y'), { signal: noSignal, permit: permitOf(), onProgress: () => {} })
  expect(rig.drive.tree()).toEqual(['My Drive/w/', `My Drive/w/${name}/`, `My Drive/w/${name}/${name}`])
  expect(rig.drive.files()).toMatchObject([{ id: file.id, revisions: 2 }])
})

test('the two ways to write an accent are one name, and the first spelling stays', async () => {
  const composed = 'kůň.ma'.normalize('NFC')
  const decomposed = 'kůň.ma'.normalize('NFD')
  const first = await rig.write(`${decomposed}/${decomposed}`, 'one')
  const second = await rig.write(`${composed}/${composed}`, 'two')
  expect(second.id).toBe(first.id)
  expect(rig.drive.tree()).toEqual(['My Drive/w/', `My Drive/w/${decomposed}/`, `My Drive/w/${decomposed}/${decomposed}`])
})

test('names that differ in case are different', async () => {
  await rig.write('SHOT/A.ma', 'one')
  await rig.write('shot/a.ma', 'two')
  await rig.write('shot/A.ma', 'three')
  expect(rig.drive.tree()).toEqual([
    'My Drive/w/',
    'My Drive/w/SHOT/',
    'My Drive/w/SHOT/A.ma',
    'My Drive/w/shot/',
    'My Drive/w/shot/A.ma',
    'My Drive/w/shot/a.ma',
  ])
})

test('of files of one name the oldest is replaced, and one warning given', async () => {
  rig.drive.addFile('a.ma', 'young', { parent: rig.w, createdTime: '2026-01-02T00:00:00.000Z' })
  const old = rig.drive.addFile('a.ma', 'old', { parent: rig.w, createdTime: '2026-01-01T00:00:00.000Z' })
  expect((await rig.write('a.ma', 'new')).id).toBe(old)
  expect((await rig.write('a.ma', 'newer')).id).toBe(old)
  expect(rig.warnings).toEqual(['gdrive: there are 2 files named "a.ma" in one folder; the oldest is used'])
})

test('a file and a folder of one name are told apart', async () => {
  rig.drive.addFolder('x', { parent: rig.w })
  rig.drive.addFile('d', 'a file', { parent: rig.w })
  await rig.write('x', 'file')
  await rig.write('d/y', 'below')
  expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/d', 'My Drive/w/d/', 'My Drive/w/d/y', 'My Drive/w/x', 'My Drive/w/x/'])
})

test.each([10, 6 * MIB])('a source of %d bytes that changes while it is read is never stored', async (size) => {
  await rig.write('a.ma', 'before')
  const source = patternSource(size)
  let isBeingRead = false
  const changing: ByteSource = {
    ...source,
    async open(fromByte, signal) {
      isBeingRead = true
      return source.open(fromByte, signal)
    },
    async assertUnchanged() {
      await Promise.resolve()
      if (isBeingRead) throw new SyncError('SOURCE_CHANGED', 'the source was changed')
    },
  }
  await expect(rig.write('a.ma', changing)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  expect(rig.drive.files()).toMatchObject([{ size: 6, revisions: 1 }])
})

test('a source that is shorter or longer than it says is never stored', async () => {
  for (const said of [9, 11]) {
    const source = { ...memorySource('0123456789'), size: said }
    await expect(rig.write(`a.${said}`, source)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  }
  expect(rig.drive.files()).toEqual([])
})

describe('the id of a new file', () => {
  test.each([5, 6 * MIB])('is saved before anything can be created with it, of %d bytes', async (size) => {
    const saved = Promise.withResolvers<void>()
    const sessions: WriteSession[] = []
    const saveSession = async (session: WriteSession): Promise<void> => {
      sessions.push(session)
      await saved.promise
    }
    rig.drive.journal.clear()
    const writing = rig.write('b', patternSource(size), { saveSession })
    await expect.poll(() => sessions.length).toBe(1)
    expect(rig.drive.journal.count('upload.multipart', 'upload.start')).toBe(0)
    saved.resolve()
    expect((await writing).id).toBe(sessions[0]?.['remoteId'])
  })

  test('that was reserved beforehand is used, and nothing is saved; whoever finds it later finds the file', async () => {
    expect(rig.provider.reserve()).toBeUndefined()
    await rig.write('p/a', 'first')
    rig.sessions.length = 0
    rig.drive.journal.clear()
    const reserved = rig.provider.reserve()
    const { id } = await rig.write('p/b', 'content', { reserved })
    expect(id).toBe(reserved?.['remoteId'])
    expect(rig.sessions).toEqual([])
    expect(rig.drive.journal.entries.map(({ operation }) => operation)).toEqual(['upload.multipart'])
    const { file } = await rig.persist('p/b', 'content', { session: reserved as WriteSession, provider: await rig.another() })
    expect(file.id).toBe(id)
    expect(rig.drive.files().filter(({ path }) => path.endsWith('p/b'))).toMatchObject([{ revisions: 1 }])
  })

  test('that was reserved is left alone where the file is there already', async () => {
    const { id } = await rig.write('p/a', 'first')
    const reserved = rig.provider.reserve()
    const replaced = await rig.write('p/a', 'second', { reserved })
    expect(replaced.id).toBe(id)
    expect(reserved?.['remoteId']).not.toBe(id)
  })

  test('that was reserved is that of a large file as well, and stands in what it saves later', async () => {
    await rig.write('p/a', 'first')
    rig.sessions.length = 0
    const reserved = rig.provider.reserve()
    const { id } = await rig.write('p/large', patternSource(6 * MIB), { reserved })
    expect(id).toBe(reserved?.['remoteId'])
    expect(rig.sessions.every(({ remoteId }) => remoteId === id)).toBe(true)
    expect(rig.sessions[0]).toHaveProperty('upload')
  })

  test('leads to the file of an attempt that nobody heard of the end of', async () => {
    const { id } = await rig.write('p/b', 'content')
    const [session] = rig.sessions
    if (!session) throw new Error('nothing was saved')
    const { file } = await rig.persist('p/b', 'content', { session, provider: await rig.another() })
    expect(file.id).toBe(id)
    expect(rig.drive.files().filter(({ path }) => path.endsWith('p/b'))).toMatchObject([{ revisions: 1 }])
  })
})

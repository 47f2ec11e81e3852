import { buffer } from 'node:stream/consumers'

import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'

import { openByteSource } from '../../../src/providers/byte-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await openRig({ provider: { timeouts: { connectMs: 1000, idleMs: 300 } } })
})
afterEach(async () => {
  await rig.close()
})

const signal = noSignal

describe('stat', () => {
  test('of what is not there is undefined, and so below a folder that is not', async () => {
    expect(await rig.provider.stat(rig.at('a'), { signal })).toBeUndefined()
    expect(await rig.provider.stat(rig.at('p/q/a'), { signal })).toBeUndefined()
    expect(rig.drive.tree()).toEqual(['My Drive/w/'])
  })

  test('tells id, size, time, checksum and version', async () => {
    const id = rig.drive.addFile('a', 'hello', { parent: rig.w })
    expect(await rig.provider.stat(rig.at('a'), { signal })).toEqual({
      id,
      identity: `gdrive:${id}`,
      size: 5,
      modified: new Date(rig.drive.file('My Drive/w/a')?.modifiedTime ?? ''),
      checksum: { algorithm: 'md5', value: '5d41402abc4b2a76b9719d911017c592' },
      version: expect.any(String) as string,
    })
  })

  test.each(['trash', 'delete'] as const)('a file that somebody removed (%s) a moment after we wrote it is gone', async (how) => {
    const { id } = await rig.write('a', 'x')
    rig.drive[how](id)
    expect(await rig.provider.stat(rig.at('a'), { signal })).toBeUndefined()
    const again = await rig.write('a', 'x')
    expect(again.id).not.toBe(id)
    expect(rig.drive.files()).toMatchObject([{ id: again.id }])
  })

  test.each(['trash', 'delete'] as const)('a file that was removed (%s) without anyone asking since is created again', async (how) => {
    const { id } = await rig.write('a', 'x')
    rig.drive[how](id)
    await rig.write('a', 'y')
    expect(rig.drive.files()).toMatchObject([{ path: 'My Drive/w/a', size: 1, revisions: 1 }])
  })

  test('rejects when the answer is not known', async () => {
    rig.drive.fault({ on: 'files.list', effect: { kind: 'answer', status: 502, body: '<html>' } })
    await expect(rig.provider.stat(rig.at('a'), { signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    rig.drive.fault({ on: 'files.list', effect: { kind: 'answer', status: 200, body: '<html>' } })
    await expect(rig.provider.stat(rig.at('a'), { signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    rig.drive.fault({ on: 'files.list', effect: { kind: 'hang' } })
    await expect(rig.provider.stat(rig.at('a'), { signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringContaining('0.3 s') as string,
    })
  })
})

describe('read', () => {
  const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 256))

  test.each([0, 1, 65_536, 199_999, 200_000])('from byte %d on', async (fromByte) => {
    rig.drive.addFile('a', content, { parent: rig.w })
    expect(await buffer(await rig.provider.read(rig.at('a'), { signal, fromByte }))).toEqual(content.subarray(fromByte))
  })

  test('of what is not there', async () => {
    await expect(rig.provider.read(rig.at('a'), { signal })).rejects.toMatchObject({ code: 'SOURCE_MISSING', kind: 'file' })
  })

  test.each(['a', 'p/q/a'])('of %s, which somebody has brought since the folder was listed', async (path) => {
    expect(await rig.provider.stat(rig.at(path), { signal })).toBeUndefined()
    const parent = path
      .split('/')
      .slice(0, -1)
      .reduce((folder, name) => rig.drive.addFolder(name, { parent: folder }), rig.w)
    rig.drive.addFile('a', 'hello', { parent })
    // What is remembered serves for a while, but not to say that a file is missing which a record says is there.
    const source = await openByteSource(rig.provider, rig.at(path), { signal, checksumAlgorithm: 'md5' })
    expect(source.size).toBe(5)
    expect((await buffer(await rig.provider.read(rig.at(path), { signal }))).toString()).toBe('hello')
  })

  test('that breaks off is a fault, not an end', async () => {
    rig.drive.addFile('a', content, { parent: rig.w })
    rig.drive.fault({ on: 'media.read', effect: { kind: 'truncate' } })
    await expect(buffer(await rig.provider.read(rig.at('a'), { signal }))).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  test('of a reader who takes his time is not cut off', async () => {
    const large = Buffer.alloc(20_000_000, 'x')
    rig.drive.addFile('a', large, { parent: rig.w })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const stream = await rig.provider.read(rig.at('a'), { signal })
    let length = 0
    for await (const piece of stream) {
      length += (piece as Buffer).length
      if (length > (piece as Buffer).length) continue
      // What is ahead of the reader is full.
      await expect.poll(() => stream.readableLength).toBeGreaterThanOrEqual(stream.readableHighWaterMark)
      await vi.advanceTimersByTimeAsync(10 * 60_000)
    }
    expect(length).toBe(large.length)
  })

  test('is stopped by its signal, and by its reader', async () => {
    rig.drive.addFile('a', Buffer.alloc(20_000_000, 'x'), { parent: rig.w })
    const stop = new AbortController()
    const stream = await rig.provider.read(rig.at('a'), { signal: stop.signal })
    stop.abort()
    await expect(buffer(stream)).rejects.toMatchObject({ code: 'ABORTED' })
    const other = await rig.provider.read(rig.at('a'), { signal })
    for await (const piece of other) if ((piece as Buffer).length > 0) break
    expect(other.destroyed).toBe(true)
  })

  test('with a token that died is repeated with another', async () => {
    rig.drive.addFile('a', 'hello', { parent: rig.w })
    rig.drive.fault({ on: 'media.read', effect: { kind: 'expire-tokens' } })
    expect((await buffer(await rig.provider.read(rig.at('a'), { signal }))).toString()).toBe('hello')
    expect(rig.drive.tokensIssued).toBe(2)
  })
})

describe('list', () => {
  test('names files, not folders, shortcuts or documents without bytes; each name once', async () => {
    rig.drive.addFile('b', 'young', { parent: rig.w, createdTime: '2026-01-02T00:00:00.000Z' })
    const old = rig.drive.addFile('b', 'old', { parent: rig.w, createdTime: '2026-01-01T00:00:00.000Z' })
    rig.drive.addFile('a', 'x', { parent: rig.w })
    rig.drive.addFolder('d', { parent: rig.w })
    rig.drive.addShortcut('s', old, { parent: rig.w })
    rig.drive.trash(rig.drive.addFile('t', 'x', { parent: rig.w }))
    const found = await Array.fromAsync(rig.provider.list(rig.at(''), { signal }))
    expect(found.map(({ name }) => name).sort()).toEqual(['a', 'b'])
    expect(found.find(({ name }) => name === 'b')?.id).toBe(old)
  })

  test('of a folder that is not there is empty', async () => {
    expect(await Array.fromAsync(rig.provider.list(rig.at('p/q'), { signal }))).toEqual([])
  })
})

describe('remove', () => {
  test('moves to the trash; what is missing is removed already', async () => {
    await rig.write('p/a', 'x')
    await rig.provider.remove(rig.at('p/a'), { signal })
    await rig.provider.remove(rig.at('p/a'), { signal })
    await rig.provider.remove(rig.at('nowhere/a'), { signal })
    expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/'])
    expect(await rig.provider.stat(rig.at('p/a'), { signal })).toBeUndefined()
    expect(rig.drive.journal.count('files.delete')).toBe(0)
  })

  test('takes all files of that name', async () => {
    rig.drive.addFile('a', 'one', { parent: rig.w })
    rig.drive.addFile('a', 'two', { parent: rig.w })
    await rig.provider.remove(rig.at('a'), { signal })
    expect(rig.drive.files()).toEqual([])
  })
})

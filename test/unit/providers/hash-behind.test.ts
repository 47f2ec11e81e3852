import { createHash, randomBytes } from 'node:crypto'
import { open, rm, mkdtemp } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'

import { HashBehind } from '../../../src/providers/local-drive/hash-behind.ts'

const MIB = 1_048_576
const SIZE = 64 * MIB

async function opened(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'site-sync-'))
  const file = await open(join(folder, 'file'), 'wx+')
  onTestFinished(async () => {
    await file.close()
    await rm(folder, { recursive: true })
  })
  return file
}

function following(file: FileHandle): HashBehind {
  const behind = HashBehind.of(file, SIZE)
  if (!behind) throw new Error('no thread was free')
  return behind
}

describe.runIf(process.platform === 'linux')('a large file is hashed behind its writer', () => {
  test('as far as it is stored, and as a whole in the end', async () => {
    const file = await opened()
    using behind = following(file)
    const hash = createHash('sha256')
    const parts = [randomBytes(3 * MIB + 17), randomBytes(1), randomBytes(MIB)]
    let bytes = 0
    for (const part of parts) {
      await file.write(part, 0, part.length, bytes)
      behind.stored((bytes += part.length))
      hash.update(part)
    }
    // Nobody has stored it: it does not count.
    await file.write(randomBytes(MIB), 0, MIB, bytes)
    expect(await behind.digest()).toBe(hash.digest('hex'))
  })

  test('what is on the disk counts, not what was meant to be there', async () => {
    const file = await opened()
    using behind = following(file)
    const meant = Buffer.alloc(MIB, 1)
    await file.write(meant, 0, MIB, 0)
    await file.write(Buffer.from([2]), 0, 1, 1_000)
    behind.stored(MIB)
    const there = Buffer.from(meant)
    there[1_000] = 2
    expect(await behind.digest()).toBe(createHash('sha256').update(there).digest('hex'))
  })

  test('a file that ends before what is said to be stored has no digest', async () => {
    const file = await opened()
    using behind = following(file)
    await file.write(Buffer.alloc(MIB), 0, MIB, 0)
    behind.stored(2 * MIB)
    expect(await behind.digest()).toBeUndefined()
  })

  test('one that is given up has none, and its thread is free for the next', async () => {
    const file = await opened()
    const behind = following(file)
    behind.stored(0)
    behind[Symbol.dispose]()
    const next = (): boolean => {
      using free = HashBehind.of(file, SIZE)
      return free !== undefined
    }
    await expect.poll(next, { timeout: 10_000 }).toBe(true)
  })

  test('a small one has no thread', async () => {
    expect(HashBehind.of(await opened(), SIZE - 1)).toBeUndefined()
  })
})

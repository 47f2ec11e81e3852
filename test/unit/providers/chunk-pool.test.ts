import { expect, test } from 'vitest'

import { ChunkPool } from '../../../src/providers/chunk-pool.ts'

const taken = (pool: ChunkPool, text: string): Buffer => {
  const buffer = pool.take()
  return pool.filled(buffer, buffer.write(text))
}

test('a chunk that is given back is used again, one that is not is left alone', () => {
  const pool = new ChunkPool(8)
  const kept = taken(pool, 'kept')
  const given = taken(pool, 'given')
  pool.giveBack(given)
  const next = taken(pool, 'new')
  expect(next.buffer).toBe(given.buffer)
  expect(next.buffer).not.toBe(kept.buffer)
  expect(kept.toString()).toBe('kept')
  expect(pool.take().buffer).not.toBe(next.buffer)
})

test('a chunk that was cut is given back with its last piece only, and once', () => {
  const pool = new ChunkPool(8)
  const chunk = taken(pool, '123456')
  pool.giveBack(chunk.subarray(0, 4))
  expect(pool.take().buffer).not.toBe(chunk.buffer)
  pool.giveBack(chunk.subarray(4))
  pool.giveBack(chunk.subarray(4))
  expect(pool.take().buffer).toBe(chunk.buffer)
  expect(pool.take().buffer).not.toBe(chunk.buffer)
})

test('what is not of the pool never gets into it', () => {
  const pool = new ChunkPool(8)
  const foreign = Buffer.alloc(8)
  pool.giveBack(foreign)
  pool.giveBack(new ChunkPool(8).take())
  expect(pool.take().buffer).not.toBe(foreign.buffer)
})

test('no more than a few are kept', () => {
  const pool = new ChunkPool(8)
  const chunks = Array.from({ length: 40 }, (_, n) => taken(pool, `${n}`))
  for (const chunk of chunks) pool.giveBack(chunk)
  const again = new Set(Array.from({ length: 40 }, () => pool.take().buffer))
  expect(chunks.filter(({ buffer }) => again.has(buffer))).toHaveLength(16)
})

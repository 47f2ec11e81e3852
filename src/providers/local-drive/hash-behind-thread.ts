// A thread of `HashBehind`: hashes a file as far as it is stored, until it is told that this is all.
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

import { CHUNK_BYTES } from '../chunk-pool.ts'
import { digestIn, STATES, type Followed } from './hash-behind-state.ts'

const { path, shared } = workerData as Followed
const state = new BigInt64Array(shared, 0, 2)
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
const hash = createHash('sha256')

const file = openSync(path, 'r')
try {
  for (let position = 0; ;) {
    const end = Atomics.load(state, STATES.end)
    const stored = Atomics.load(state, STATES.stored)
    if (end === STATES.givenUp) break
    const left = Number(stored) - position
    if (left > 0) {
      const count = readSync(file, chunk, 0, Math.min(chunk.length, left), position)
      if (count === 0) throw new Error(`the file ends at byte ${position}, and ${stored} were stored`)
      hash.update(chunk.subarray(0, count))
      position += count
    } else if (end === STATES.whole) {
      hash.digest().copy(digestIn(shared))
      Atomics.store(state, STATES.end, STATES.hashed)
      break
    } else {
      // Whoever stores more, or ends, says so; the limit is for what was said in between.
      Atomics.wait(state, STATES.stored, stored, 100)
    }
  }
} finally {
  closeSync(file)
}

import { LRUCache } from 'lru-cache'

import { atMost } from '../model/at-most.ts'
import { idText } from '../model/document.ts'
import type { RecordResult } from '../model/record-result.ts'
import type { RecordAddress } from '../model/transfer.ts'
import { fitsOperators } from './record-update.ts'

interface DocumentAddress {
  readonly project: string
  readonly representationId: unknown
}

/** How long the stream may take to tell of a result. What is not told by then is told never. Milliseconds. */
const TOLD_WITHIN_MS = 60_000
const REMEMBERED_DOCUMENTS = 20_000

/**
 * Tells results that this process wrote from those of others, which look the same: it counts, for each document, how many the change
 * stream has still to tell of. Whoever made which does not matter, since what a change leads to is a look at its document: of our own
 * and a foreign result of one document one look is left over, whichever is told first.
 */
export class OwnResults {
  readonly #untold = new LRUCache<string, number>({ ...atMost(REMEMBERED_DOCUMENTS), ttl: TOLD_WITHIN_MS })
  readonly #missed: (document: DocumentAddress) => void

  /** `missed`: a foreign result was taken for one of ours, which was not written after all. */
  constructor(missed: (document: DocumentAddress) => void) {
    this.#missed = missed
  }

  /** A result is about to be written; the answer is to be called with whether it was. */
  expect(address: RecordAddress, result: RecordResult): (isWritten: boolean) => void {
    // Of others, nothing is told by the server.
    return result.kind !== 'synced' && fitsOperators(address) ? () => undefined : this.expectMarks(address, 1)
  }

  /** With a result, so many records of alternatives are about to be marked. */
  expectMarks(address: RecordAddress, count: number): (isWritten: boolean) => void {
    if (count === 0) return () => undefined
    const key = keyOf(address)
    this.#add(key, count)
    return (isWritten) => {
      if (isWritten) return
      if ((this.#untold.get(key) ?? 0) >= count) this.#add(key, -count)
      else this.#missed(address)
    }
  }

  /** The stream tells of so many results in one document: are they ours? */
  areOurs(document: DocumentAddress, results: number): boolean {
    const key = keyOf(document)
    if ((this.#untold.get(key) ?? 0) < results) return false
    this.#add(key, -results)
    return true
  }

  #add(key: string, results: number): void {
    const sum = (this.#untold.get(key) ?? 0) + results
    if (sum > 0) this.#untold.set(key, sum)
    else this.#untold.delete(key)
  }
}

function keyOf({ project, representationId }: DocumentAddress): string {
  return `${project}/${idText(representationId)}`
}

import { LRUCache } from 'lru-cache'

import { atMost } from '../model/at-most.ts'
import { SyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import type { Outcome } from '../model/outcome.ts'
import { displayPath } from '../model/root-path.ts'
import { bytesText } from '../model/bytes-text.ts'
import type { Endpoints } from '../model/transfer.ts'
import type { ByteSource } from '../providers/provider.ts'
import type { Clock } from './clock.ts'
import type { Attempt } from './attempt.ts'
import { transferFields } from './transfer-fields.ts'

/** How long a source of another size than its document says has to stay as it is before it is sent. Milliseconds. */
const SETTLE_MS = 10_000
/** What its storage dates this far back is settled, whichever of the two clocks is ahead. Milliseconds. */
const LONG_AGO_MS = 600_000
const REMEMBERED_FILES = 10_000

interface Seen {
  readonly version: string
  readonly since: number
  isWarned: boolean
}

/**
 * A source that has another size than its document says may still be on its way into place. It is left until it has not changed for a
 * while, and sent as it is then; or it fails, where its site asks for that (`size_check`).
 */
export class SourceSizes {
  readonly #clock: Clock
  readonly #log: Log
  readonly #seen = new LRUCache<string, Seen>(atMost(REMEMBERED_FILES))

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /**
   * What becomes of an attempt that must not go on; undefined when it may.
   *
   * @throws SyncError `SOURCE_INCOMPLETE` where the sizes have to be equal.
   */
  check(attempt: Attempt, { source: path, sourceSite }: Endpoints, source: ByteSource): Outcome | undefined {
    const { size: expected } = attempt.transfer
    const { sizeCheck = 'settle' } = sourceSite
    const where = displayPath(path)
    if (expected === undefined || expected === source.size || sizeCheck === 'off') {
      this.#seen.delete(where)
      return undefined
    }
    const sizes = `${where} has ${exact(source.size)}, its document says ${exact(expected)}`
    if (sizeCheck === 'strict') throw new SyncError('SOURCE_INCOMPLETE', `${sizes}: it is not sent ("size_check" is "strict")`)
    const seen = this.#look(where, source)
    const waitMs = seen.since + SETTLE_MS - this.#clock.now()
    if (waitMs > 0 && !this.#isOld(source)) {
      return {
        kind: 'postponed',
        reason: `${sizes}: it may still be on its way; it is sent once it has not changed for 10 s`,
        inMs: waitMs,
      }
    }
    if (!seen.isWarned) this.#log.event('source.size_differs', { ...transferFields(attempt), message: `${sizes}: sent as it is` })
    seen.isWarned = true
    return undefined
  }

  #look(where: string, { size, modified, version = `${size} ${modified.getTime()}` }: ByteSource): Seen {
    const known = this.#seen.get(where)
    if (known?.version === version) return known
    const seen = { version, since: this.#clock.now(), isWarned: false }
    this.#seen.set(where, seen)
    return seen
  }

  #isOld({ modified }: ByteSource): boolean {
    return this.#clock.wallTime().getTime() - modified.getTime() > LONG_AGO_MS
  }
}

function exact(bytes: number): string {
  return bytes < 1_024 ? bytesText(bytes) : `${bytes} bytes (${bytesText(bytes)})`
}

import { MongoBulkWriteError, MongoError, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'

import { messageOf, SyncError } from '../errors.ts'
import { sleep } from './waiting.ts'

export interface OutageParts {
  /** Told once an outage, and again every half an hour that it lasts: whoever watches logs alone sees that it does. */
  readonly lost: (error: unknown) => void
  readonly recovered: (afterMs: number) => void
  /** How long it is waited for; undefined: for as long as it takes. Milliseconds. */
  readonly patienceMs?: number
}

/** Between two attempts, least and most. Milliseconds. */
const BACKOFF_MS: readonly [least: number, most: number] = [100, 5_000]
const TOLD_EVERY_MS = 10_000
export const REMIND_MS = 30 * 60_000

/**
 * What servers answer while members come, go and vote: 6 HostUnreachable, 7 HostNotFound, 43 CursorNotFound, 50 MaxTimeMSExpired,
 * 63 StaleShardVersion, 64 WriteConcernFailed, 89 NetworkTimeout, 91 ShutdownInProgress, 112 WriteConflict, 133 FailedToSatisfyReadPreference,
 * 134 ReadConcernMajorityNotAvailableYet, 150 StaleEpoch, 189 PrimarySteppedDown, 234 RetryChangeStream, 262 ExceededTimeLimit,
 * 9001 SocketException, 10107 NotWritablePrimary, 11600 and 11602 Interrupted…, 13388 StaleConfig, 13435 and 13436 NotPrimary….
 */
const PASSING = new Set<unknown>([
  6, 7, 43, 50, 63, 64, 89, 91, 112, 133, 134, 150, 189, 234, 262, 9001, 10_107, 11_600, 11_602, 13_388, 13_435, 13_436,
])

/** Is it the server's state, and not what it was asked? */
export function isPassing(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true
  if (!(error instanceof MongoError)) return false
  // Writes in bulk reject with an error of their own around what kept all of them from being done: no server could be selected, say.
  if (error instanceof MongoBulkWriteError && isPassing(error.errorResponse)) return true
  const labelled = error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('TransientTransactionError')
  return labelled || (error instanceof MongoServerError && PASSING.has(error.code))
}

export interface ThroughOptions {
  /** Does it pass by itself? @defaultValue `isPassing` */
  readonly passes?: (error: unknown) => boolean
  /** Nobody waits for it any longer, by `performance.now()`. */
  readonly until?: number
}

/**
 * MongoDB comes and goes. Work that needs it waits here and goes on where it was: nothing is dropped, nothing has to be found again,
 * and an outage is told, not what waits for its end. One at a time asks whether it is over.
 */
export class Outage {
  readonly #parts: OutageParts
  readonly #closing = new AbortController()
  #since: number | undefined
  #isTold = false
  #lastTold = -Infinity
  #probing: Promise<void> | undefined

  constructor(parts: OutageParts) {
    this.#parts = parts
  }

  /** Nobody waits any more: what fails from now on fails. */
  close(): void {
    this.#closing.abort()
  }

  /**
   * Does the work, again and again while it fails for a reason that passes. Rejects with `ABORTED` when nobody is to wait (any more),
   * with what was thrown when waiting does not help.
   */
  async through<T>(work: () => Promise<T>, { passes = isPassing, until = Infinity }: ThroughOptions = {}): Promise<T> {
    const deadline = Math.min(until, performance.now() + (this.#parts.patienceMs ?? Infinity))
    for (let attempt = 0; ; attempt++) {
      const leave = this.#since === undefined ? undefined : await this.#enter()
      const began = this.#since
      try {
        const result = await work()
        this.#worked(began)
        return result
      } catch (error) {
        if (!passes(error)) throw error
        this.#failed(error)
        if (this.#closing.signal.aborted || performance.now() >= deadline) throw unavailable(error)
        await this.#pause(attempt, deadline)
      } finally {
        leave?.()
      }
    }
  }

  /** In an outage one asks, the others wait for what it hears. */
  async #enter(): Promise<(() => void) | undefined> {
    while (this.#probing && !this.#closing.signal.aborted) await this.#probing
    if (this.#since === undefined) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#probing = promise
    return () => {
      if (this.#probing === promise) this.#probing = undefined
      resolve()
    }
  }

  /** An answer to what was asked before the outage began says nothing of it. */
  #worked(began: number | undefined): void {
    if (this.#since === undefined || this.#since !== began) return
    if (this.#isTold) this.#parts.recovered(performance.now() - this.#since)
    this.#since = undefined
  }

  #failed(error: unknown): void {
    const now = performance.now()
    if (this.#since === undefined) {
      this.#since = now
      this.#isTold = false
    }
    // A single request that fails among others that work is no reason to fill the log.
    if (now - this.#lastTold <= (this.#isTold ? REMIND_MS : TOLD_EVERY_MS)) return
    this.#isTold = true
    this.#lastTold = now
    this.#parts.lost(error)
  }

  async #pause(attempt: number, deadline: number): Promise<void> {
    const [least, most] = BACKOFF_MS
    const ceiling = Math.min(most, least * 2 ** attempt, Math.max(0, deadline - performance.now()))
    await sleep(ceiling / 2 + (Math.random() * ceiling) / 2, this.#closing.signal)
  }
}

function unavailable(error: unknown): SyncError {
  return new SyncError('ABORTED', `MongoDB is unavailable: ${messageOf(error)}`, { cause: error })
}

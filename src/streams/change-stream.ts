import { ChangeStream, type Db, type Document, type ResumeToken } from 'mongodb'
import { Observable, type Subscriber } from 'rxjs'

import { messageOf } from '../errors.ts'
import { eventsOf } from './change-events.ts'
import { changeFilter, RAW_FIELDS } from './change-filter.ts'
import { isPassing } from './outage.ts'
import { PrimaryWatch } from './primary-watch.ts'
import type { TokenStore } from './resume-token.ts'
import type { StreamEvent } from './stream-event.ts'
import { StreamFailures, type FailureTiming } from './stream-failures.ts'
import { streamFault } from './stream-fault.ts'
import { sleep, TimeLimit } from './waiting.ts'

export interface StreamTiming extends FailureTiming {
  /** How long the server waits for a change before it answers with none. */
  readonly awaitMs: number
  /** How much longer than that an answer may take before the stream is given up. */
  readonly graceMs: number
  /** The first answer may have to read the whole oplog. */
  readonly firstAnswerMs: number
  readonly unavailableMs: number
  readonly saveTokenMs: number
  /** The same while no change is told: then the place moves with each write to the server, and the saving of it is one. */
  readonly saveQuietTokenMs: number
  /** How long the server is not asked after it told of changes: those of that time are told by one answer. @defaultValue 0 */
  readonly restMs?: number
}

export const STREAM_TIMING: StreamTiming = {
  awaitMs: 1_000,
  graceMs: 3_000,
  firstAnswerMs: 60_000,
  backoffMs: [200, 10_000],
  remindMs: [30_000, 3_600_000],
  unavailableMs: 60_000,
  saveTokenMs: 5_000,
  saveQuietTokenMs: 60_000,
}

export interface WatchedChanges {
  /** For one subscriber. */
  readonly events$: Observable<StreamEvent>
  /** After the subscriber left: the place is saved. */
  readonly finished: Promise<void>
}

/**
 * All changes of a database's representations, for as long as it is subscribed; never errors, never completes by itself.
 *
 * One state at a time: opening (first answer awaited) → open (answers every `awaitMs`, with or without changes) → abandoned (error,
 * silence, closed by the server, or another primary) → opening again after a pause, at once where another is primary. An
 * abandoned stream is closed without waiting, since that may take as long as a dead server is searched for; whatever it still says is
 * ignored.
 */
export function watchChanges(
  db: Db,
  tokens: TokenStore,
  timing: StreamTiming = STREAM_TIMING,
  filter: readonly Document[] = changeFilter,
): WatchedChanges {
  const { promise: finished, resolve } = Promise.withResolvers<void>()
  const events$ = new Observable<StreamEvent>((subscriber) => {
    const loop = new StreamLoop(db, tokens, timing, subscriber, filter)
    void loop.run().then(resolve)
    return () => loop.stop()
  })
  return { events$, finished }
}

/** Times that a token is asked for when the server answers with a fault. */
const MAX_LOADS = 3

class StreamLoop {
  readonly #db: Db
  readonly #tokens: TokenStore
  readonly #timing: StreamTiming
  readonly #out: Subscriber<StreamEvent>
  readonly #filter: readonly Document[]
  readonly #stopped = new AbortController()
  #token: ResumeToken
  /** What the stream was asked last. */
  #asked: Promise<unknown> | undefined
  #savedToken: string | undefined
  #savedAt = -Infinity
  /** Since the last save a change was told, or a stream was opened. */
  #isNews = false
  readonly #failures: StreamFailures
  #saidUnavailable = false

  constructor(db: Db, tokens: TokenStore, timing: StreamTiming, out: Subscriber<StreamEvent>, filter: readonly Document[]) {
    this.#db = db
    this.#tokens = tokens
    this.#timing = timing
    this.#failures = new StreamFailures(timing)
    this.#out = out
    this.#filter = filter
  }

  stop(): void {
    this.#stopped.abort()
  }

  async run(): Promise<void> {
    const signal = this.#stopped.signal
    await this.#loadToken(signal)
    while (!signal.aborted) {
      const pause = await this.#follow(signal)
      if (!signal.aborted) await sleep(pause, signal)
    }
  }

  async #loadToken(signal: AbortSignal): Promise<void> {
    for (let faults = 0; !signal.aborted;) {
      try {
        this.#token = await this.#tokens.load()
        return
      } catch (error) {
        // Without a server the stream could not be opened either; a place that nobody can read is no place.
        if (!isPassing(error) && ++faults === MAX_LOADS) return
        await sleep(this.#lost(error, false), signal)
      }
    }
  }

  /** Opens a stream and follows it to its end; says how long to wait before the next. */
  async #follow(signal: AbortSignal): Promise<number> {
    const resuming = this.#token !== undefined
    let stream: ChangeStream | undefined
    try {
      stream = this.#db.watch([...this.#filter], {
        maxAwaitTimeMS: this.#timing.awaitMs,
        batchSize: 500,
        readPreference: 'primary',
        fieldsAsRaw: RAW_FIELDS,
        ...(resuming && { startAfter: this.#token }),
      })
      await this.#pull(stream, resuming, signal)
      return this.#lost(new Error('the server closed the stream'), false)
    } catch (error) {
      return this.#ended(error)
    } finally {
      if (stream) abandon(stream, this.#asked)
    }
  }

  async #pull(stream: ChangeStream, resuming: boolean, signal: AbortSignal): Promise<void> {
    const { awaitMs, graceMs, firstAnswerMs, restMs = 0 } = this.#timing
    using stack = new DisposableStack()
    const limit = stack.use(new TimeLimit(signal))
    stack.use(new PrimaryWatch(this.#db.client, (why) => limit.fail(why)))
    let limitMs = firstAnswerMs
    let isOpen = false
    let answers = 0
    const opened = (): void => {
      if (isOpen || signal.aborted || (this.#failures.isDoubtful && answers < 2)) return
      isOpen = true
      this.#failures.opened()
      this.#saidUnavailable = false
      this.#isNews = true
      this.#out.next({ kind: resuming ? 'resumed' : 'opened' })
    }
    // The first answer brings a position at once; the first change may be long in coming.
    stream.once(ChangeStream.RESUME_TOKEN_CHANGED, opened)
    while (!signal.aborted) {
      const asked = stream.tryNext()
      this.#asked = asked
      const change: Document | null = await limit.within(limitMs, asked)
      if (signal.aborted) break
      // The first answer comes with the opening, and says nothing about what is next.
      answers += change ? 2 : 1
      opened()
      if (answers > 1) this.#failures.worked()
      limitMs = awaitMs + graceMs
      if (change) {
        this.#isNews = true
        if (change['operationType'] === 'invalidate') {
          this.#token = undefined
          return
        }
        for (const event of eventsOf(change)) this.#out.next(event)
      }
      if (stream.closed) return
      this.#token = stream.resumeToken
      // Nobody waits for it: a primary that dies just now would be noticed late.
      if (this.#isSaveDue()) void this.#saveToken()
      if (change && restMs > 0 && stream.bufferedCount() === 0) await sleep(restMs, signal)
    }
    await this.#saveToken()
  }

  #ended(error: unknown): number {
    const fault = streamFault(error)
    if (fault === 'unavailable') {
      if (!this.#saidUnavailable) this.#out.next({ kind: 'unavailable', reason: messageOf(error) })
      this.#saidUnavailable = true
      return this.#timing.unavailableMs
    }
    return this.#lost(error, fault === 'history-lost')
  }

  #lost(error: unknown, historyLost: boolean): number {
    if (this.#stopped.signal.aborted) return 0
    const place = this.#token === undefined ? undefined : JSON.stringify(this.#token)
    const { pauseMs, isTold, isStuck } = this.#failures.failed(error, place)
    const leavesPlace = historyLost || isStuck
    // One line an outage and reminder, not one an attempt; the loss of a place is always told.
    if (isTold || (leavesPlace && place !== undefined)) {
      const reason = isStuck ? `${messageOf(error)} (again and again at the same place: going on behind it)` : messageOf(error)
      this.#out.next({ kind: 'lost', reason, historyLost: leavesPlace })
    }
    if (leavesPlace) this.#token = undefined
    return pauseMs
  }

  #isSaveDue(): boolean {
    const { saveTokenMs, saveQuietTokenMs } = this.#timing
    return performance.now() - this.#savedAt > (this.#isNews ? saveTokenMs : saveQuietTokenMs)
  }

  /** A token that could not be saved costs a longer way back, nothing else. */
  async #saveToken(): Promise<void> {
    const text = JSON.stringify(this.#token)
    if (this.#token === undefined || text === this.#savedToken) return
    this.#savedAt = performance.now()
    this.#isNews = false
    try {
      await this.#tokens.save(this.#token)
      this.#savedToken = text
    } catch {
      // Saved with the next one.
      this.#isNews = true
    }
  }
}

/** The driver may be about to open it at another server, closed or not: what it opened so is closed when it answers. */
function abandon(stream: ChangeStream, asked: Promise<unknown> | undefined): void {
  const close = (): void => void stream.close().catch(() => undefined)
  close()
  asked?.then(close, close)
}

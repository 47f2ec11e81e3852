import { Subject, type Subscription } from 'rxjs'

import { STREAM_TIMING, watchChanges } from '../streams/change-stream.ts'
import { recordFilter } from '../streams/record-filter.ts'
import type { Connections } from '../streams/connect.ts'
import type { StreamEvent } from '../streams/stream-event.ts'

/** Something may be otherwise than it was. */
export type RecordNews =
  | { readonly kind: 'document'; readonly project: string; readonly representationId: unknown }
  /** Anything: changes may have been missed. */
  | { readonly kind: 'anything' }

/** How long the stream is kept after the last one left: another may come at once. Milliseconds. */
const LINGER_MS = 5_000
/** Where there are no change streams, everything is looked at so often. Milliseconds. */
const POLL_MS = 5_000
/** An answer for each change would cost as much again as the work that is watched, and nobody looks more often. */
const TIMING = { ...STREAM_TIMING, restMs: 100 }
const UNKEPT = { load: async () => await Promise.resolve(undefined), save: async () => await Promise.resolve() }

/** One change stream for all who look on, and none while there are none. */
export class RecordFeed implements Disposable {
  readonly #connections: Pick<Connections, 'stream'>
  readonly #database: string
  readonly #news = new Subject<RecordNews>()
  #followers = 0
  #stream: Subscription | undefined
  #opened = Promise.withResolvers<void>()
  #linger: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout | undefined

  constructor(connections: Pick<Connections, 'stream'>, database: string) {
    this.#connections = connections
    this.#database = database
  }

  /** Tells of every change from when `opened` resolves until it is ended. */
  follow(told: (news: RecordNews) => void): { readonly opened: Promise<void>; readonly end: () => void } {
    clearTimeout(this.#linger)
    this.#followers++
    this.#stream ??= this.#open()
    const following = this.#news.subscribe(told)
    const end = (): void => {
      if (following.closed) return
      following.unsubscribe()
      if (--this.#followers === 0) this.#linger = setTimeout(() => this.#close(), LINGER_MS)
    }
    return { opened: this.#opened.promise, end }
  }

  [Symbol.dispose](): void {
    this.#news.complete()
    this.#close()
  }

  #open(): Subscription {
    const db = this.#connections.stream.db(this.#database)
    return watchChanges(db, UNKEPT, TIMING, recordFilter).events$.subscribe((event) => this.#heard(event))
  }

  #close(): void {
    clearTimeout(this.#linger)
    this.#stream?.unsubscribe()
    this.#stream = undefined
    this.#opened = Promise.withResolvers()
    clearInterval(this.#poll)
    this.#poll = undefined
  }

  #heard(event: StreamEvent): void {
    switch (event.kind) {
      case 'changed':
      case 'deleted':
        return this.#news.next({ kind: 'document', project: event.project, representationId: event.representationId })
      case 'lost':
        return
      case 'unavailable':
        this.#poll ??= setInterval(() => this.#news.next({ kind: 'anything' }), POLL_MS)
        return this.#opened.resolve()
      case 'opened':
      case 'resumed':
        clearInterval(this.#poll)
        this.#poll = undefined
        this.#opened.resolve()
    }
    this.#news.next({ kind: 'anything' })
  }
}

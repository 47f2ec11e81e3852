import { isDeepStrictEqual } from 'node:util'

import type { Engine } from './engine.ts'
import type { Log } from '../model/log.ts'
import { Pauses, pauseText, scopeKey, scopeText, type Pause } from '../model/pauses.ts'
import type { Outage } from '../streams/outage.ts'

export interface PauseWatchParts {
  /** Those that hold now. Rejects while MongoDB is unavailable. */
  readonly read: () => Promise<readonly Pause[]>
  readonly log: Log
  /** Who is to obey them; undefined before it begins. */
  readonly engine: () => Pick<Engine, 'obey' | 'scan'> | undefined
  /** There is nothing that a pause could stop, and whatever begins asks for `fresh` first. */
  readonly isIdle: () => boolean
}

/** What somebody pauses is to reach a running transfer within two seconds. */
const LOOK_EVERY_MS = 1_000
/** While there is nothing to stop and no pause whose end somebody waits for: an outage is noticed, and the log tells of pauses. */
const IDLE_LOOK_EVERY_MS = 2_000
/** An answer to what was asked longer ago does not say whether work may begin. More than one look, so that nothing waits while there is work. */
const FRESH_MS = 1_500

/**
 * Knows which pauses hold: asks once a second while a pause could stop or hold something, seldom otherwise, and at once before work begins.
 * While there is no answer, the last one counts.
 */
export class PauseWatch {
  readonly #parts: PauseWatchParts
  readonly #outage: Outage
  #timer: NodeJS.Timeout | undefined
  #current = Pauses.NONE
  /** When the last answer was asked for. */
  #askedAt = -Infinity
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor(parts: PauseWatchParts, outage: Outage) {
    this.#parts = parts
    this.#outage = outage
  }

  /** Resolves with the first answer: before it, no work is to be taken. Whoever is told to stop while MongoDB is unavailable takes none. */
  static async open(parts: PauseWatchParts, outage: Outage, isStopped: () => boolean): Promise<PauseWatch> {
    const watch = new PauseWatch(parts, outage)
    await outage
      .through(async () => watch.start())
      .catch((error: unknown) => {
        if (!isStopped()) throw error
      })
    return watch
  }

  get current(): Pauses {
    return this.#current
  }

  /** The first look, and then those that are due. Rejects when it could not be had; it may be asked for again. */
  async start(): Promise<void> {
    await this.#ask()
    if (!this.#isClosed) this.#timer ??= setInterval(() => this.#turn(), LOOK_EVERY_MS)
  }

  /** Resolves when it is known what held a moment ago: to be awaited before work begins. Never rejects. */
  async fresh(): Promise<void> {
    if (performance.now() - this.#askedAt > FRESH_MS) await this.#look()
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    clearInterval(this.#timer)
  }

  #turn(): void {
    const isAtRest = this.#current.all.length === 0 && this.#parts.isIdle()
    // Half a turn earlier, since no timer is exact.
    const isDue = performance.now() - this.#askedAt > IDLE_LOOK_EVERY_MS - LOOK_EVERY_MS / 2
    if (!isAtRest || isDue) void this.#look()
  }

  /** One at a time. */
  async #look(): Promise<void> {
    // What an idle service asks all the time: an outage is told though nothing else needs the database.
    this.#looking ??= this.#outage
      .through(async () => this.#ask())
      // Nobody is to wait any longer: what held before holds.
      .catch(() => undefined)
      .finally(() => (this.#looking = undefined))
    await this.#looking
  }

  async #ask(): Promise<void> {
    const askedAt = performance.now()
    const found = await this.#parts.read()
    this.#askedAt = askedAt
    this.#take(found)
  }

  #take(found: readonly Pause[]): void {
    if (this.#isClosed) return
    const { log, engine } = this.#parts
    const before = this.#current.all
    const scopes = new Set(found.map(scopeKey))
    const over = before.filter((pause) => !scopes.has(scopeKey(pause)))
    const begun = found.filter((pause) => !before.some((each) => isDeepStrictEqual(each, pause)))
    this.#current = new Pauses(found)
    for (const pause of begun) log.event('controls.paused', { ...fieldsOf(pause), message: pauseText(pause) })
    for (const pause of over) log.event('controls.resumed', { ...fieldsOf(pause), message: `${scopeText(pause)} goes on` })
    // With each look: what began when they were not known yet ends as well.
    engine()?.obey(this.#current)
    if (over.length > 0) engine()?.scan({ reason: 'resumed' })
  }
}

function fieldsOf({ project, site, who, until, why }: Pause): Parameters<Log['event']>[1] {
  return { project, site, extra: { who, ...(until && { until }), ...(why !== undefined && { why }) } }
}

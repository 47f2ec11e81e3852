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
}

/** What somebody pauses is to reach a running transfer within two seconds. */
const LOOK_EVERY_MS = 1_000

/** Knows which pauses hold: asks once a second, and keeps to the last answer while there is none. */
export class PauseWatch {
  readonly #parts: PauseWatchParts
  readonly #outage: Outage
  #timer: NodeJS.Timeout | undefined
  #current = Pauses.NONE
  #isLooking = false
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

  /** The first look, and then one each second. Rejects when it could not be had; it may be asked for again. */
  async start(): Promise<void> {
    this.#take(await this.#parts.read())
    if (!this.#isClosed) this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS)
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      // What an idle service asks all the time: an outage is told though nothing else needs the database.
      this.#take(await this.#outage.through(async () => this.#parts.read()))
    } catch {
      // Nobody is to wait any longer: what held before holds.
    } finally {
      this.#isLooking = false
    }
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

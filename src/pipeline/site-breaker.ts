import { toSyncError, type ErrorCode, type SyncError } from '../errors.ts'
import { cooldownMs } from '../model/retry-policy.ts'
import type { Operation } from '../providers/provider.ts'
import type { Clock } from './clock.ts'

export type SiteHealth =
  | { readonly state: 'ok' }
  | { readonly state: 'cooling'; readonly error: SyncError; readonly since: Date; readonly until: Date }
  /** The time is over; one probe or one transfer finds out. */
  | { readonly state: 'trying'; readonly error: SyncError; readonly since: Date }

export interface BreakerEvents {
  /** Each time the site is left alone, `ms` long. */
  cooling(site: string, error: SyncError, ms: number): void
  recovered(site: string, forMs: number): void
  /** It may be open now: whoever waits for it asks again, at once. */
  opened(): void
}

/** Met while writing, these say nothing about reading: what is there can still be had. */
const OF_WRITING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['DISK_FULL', 'QUOTA', 'PERMISSION'])

/**
 * Leaves a site alone while it is in trouble.
 *
 * - *ok*: everybody may use it. Left when a transfer reports trouble.
 * - *cooling*: nobody may. When its time is over, what failed is tried by a probe: a probe that fails begins another, longer time.
 * - *trying*: the probe went well, and one transfer at a time may use it. The first that goes well leads to *ok*, as does that nobody wants
 *   to use it; trouble leads back to *cooling*.
 *
 * Where only writing is in trouble (a full disk, say), reads go on in each state and are never what is tried.
 */
export class SiteBreaker {
  readonly #site: string
  readonly #clock: Clock
  readonly #probe: (operation: Operation) => Promise<void>
  readonly #events: BreakerEvents
  #health: SiteHealth = { state: 'ok' }
  #troubles = 0
  #trial: object | undefined
  /** How often the site was found to be in trouble; passes of an earlier round bring no news of a later one. */
  #round = 0
  readonly #rounds = new WeakMap<object, number>()
  /** What the site was in trouble with last. */
  #operation: Operation = 'write'
  #cancelTimer: (() => void) | undefined
  #cooledAt = 0
  #closed = false

  constructor(site: string, clock: Clock, probe: (operation: Operation) => Promise<void>, events: BreakerEvents) {
    this.#site = site
    this.#clock = clock
    this.#probe = probe
    this.#events = events
  }

  get health(): SiteHealth {
    return this.#health
  }

  /** May it be used for this now? */
  isOpen(operation: Operation): boolean {
    if (this.#closed) return false
    if (this.#health.state === 'ok' || this.#spares(operation)) return true
    return this.#health.state === 'trying' && this.#trial === undefined
  }

  /** The right to use it once; to be asked for only while it is open. */
  enter(operation: Operation): object {
    const pass = {}
    this.#rounds.set(pass, this.#round)
    if (this.#health.state === 'trying' && !this.#spares(operation)) this.#trial = pass
    return pass
  }

  /** What came of it. `worked`: the site answered, whatever became of the file; undefined: nothing was learnt. */
  report(
    pass: object,
    result: { readonly worked: boolean } | { readonly error: SyncError; readonly operation?: Operation } | undefined,
  ): void {
    const wasTrial = pass === this.#trial
    if (wasTrial) this.#trial = undefined
    if (result !== undefined && 'error' in result) {
      // Those who were under way when the trouble began bring no news.
      const isNews = this.#health.state === 'ok' && this.#rounds.get(pass) === this.#round
      if (isNews || wasTrial) {
        this.#operation = result.operation ?? 'write'
        this.#cool(result.error)
      }
    } else if (wasTrial && result?.worked === true) this.#recover()
    if (wasTrial) this.#open()
  }

  /** Stops the clock; nobody may use it any more. */
  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
  }

  #spares(operation: Operation): boolean {
    const health = this.#health
    return operation === 'read' && health.state !== 'ok' && this.#operation === 'write' && OF_WRITING.has(health.error.code)
  }

  #cool(error: SyncError): void {
    if (this.#closed) return
    if (this.#health.state === 'ok') this.#cooledAt = this.#clock.now()
    this.#round++
    const ms = cooldownMs(error, ++this.#troubles, this.#clock.random())
    const since = this.#health.state === 'ok' ? this.#clock.wallTime() : this.#health.since
    this.#health = { state: 'cooling', error, since, until: new Date(this.#clock.wallTime().getTime() + ms) }
    this.#events.cooling(this.#site, error, ms)
    this.#cancelTimer = this.#clock.after(ms, () => void this.#try(error, since))
  }

  async #try(error: SyncError, since: Date): Promise<void> {
    try {
      await this.#probe(this.#operation)
    } catch (thrown) {
      const why = toSyncError(thrown)
      this.#cool(why.code === 'ABORTED' ? error : why)
      return
    }
    if (this.#closed) return
    this.#health = { state: 'trying', error, since }
    this.#open()
  }

  #recover(): void {
    this.#health = { state: 'ok' }
    this.#troubles = 0
    this.#events.recovered(this.#site, this.#clock.now() - this.#cooledAt)
  }

  /** Whoever waits takes what is open; when nobody does, there is nothing to be tried. */
  #open(): void {
    if (this.#closed) return
    this.#events.opened()
    if (this.#health.state !== 'trying' || this.#trial !== undefined) return
    this.#recover()
    this.#events.opened()
  }
}

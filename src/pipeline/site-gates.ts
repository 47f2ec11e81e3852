import { defer, EMPTY, takeUntil, type Observable } from 'rxjs'

import type { Outcome } from '../model/outcome.ts'
import type { Operation } from '../providers/provider.ts'
import type { Clock } from './clock.ts'
import { SiteBreaker, type BreakerEvents, type SiteHealth } from './site-breaker.ts'

/** The right to use a site once. */
export interface Pass {
  /** What came of it; the first word counts. */
  report(outcome: Outcome | undefined): void
}

/** Lets work through to a site, or holds it back while the site is left alone. */
export interface Gates {
  /** `operation`: what the site is to be used for. @defaultValue `write` */
  enter(site: string, operation?: Operation): Observable<Pass>
}

export interface SiteGatesParts {
  readonly clock: Clock
  readonly probe: (site: string, operation: Operation) => Promise<void>
  readonly events: BreakerEvents
  /** Nobody is let through after it. */
  readonly stop$: Observable<unknown>
}

export class SiteGates implements Gates {
  readonly #parts: SiteGatesParts
  readonly #breakers = new Map<string, SiteBreaker>()
  readonly #closing = new AbortController()

  constructor(parts: SiteGatesParts) {
    this.#parts = parts
  }

  /** Sites that were ever in use. */
  get health(): ReadonlyMap<string, SiteHealth> {
    return new Map([...this.#breakers].map(([site, breaker]) => [site, breaker.health]))
  }

  /** Is it left alone now, or only just tried again? */
  isInTrouble(site: string): boolean {
    const health = this.#breakers.get(site)?.health
    return health !== undefined && health.state !== 'ok'
  }

  enter(site: string, operation: Operation = 'write'): Observable<Pass> {
    if (this.#closing.signal.aborted) return EMPTY
    const breaker = this.#breaker(site)
    return defer(async () => {
      const pass = await breaker.pass(this.#closing.signal)
      let open = true
      return {
        report(outcome: Outcome | undefined) {
          if (open) breaker.report(pass, lesson(site, operation, outcome))
          open = false
        },
      }
    }).pipe(takeUntil(this.#parts.stop$))
  }

  close(): void {
    this.#closing.abort()
    for (const breaker of this.#breakers.values()) breaker.close()
  }

  #breaker(site: string): SiteBreaker {
    let breaker = this.#breakers.get(site)
    if (!breaker) {
      const { clock, probe, events } = this.#parts
      this.#breakers.set(site, (breaker = new SiteBreaker(site, clock, async (operation) => probe(site, operation), events)))
    }
    return breaker
  }
}

/** What an outcome teaches about a site. */
function lesson(site: string, operation: Operation, outcome: Outcome | undefined): Parameters<SiteBreaker['report']>[1] {
  if (outcome?.kind === 'site-trouble')
    return outcome.site === site && outcome.root === undefined ? { error: outcome.error, operation } : undefined
  return outcome?.kind === 'synced' || outcome?.kind === 'failed' ? { worked: true } : undefined
}

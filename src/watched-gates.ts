import type { Observable } from 'rxjs'

import type { SyncError } from './errors.ts'
import type { Log } from './model/log.ts'
import type { Clock } from './pipeline/clock.ts'
import { SiteGates } from './pipeline/site-gates.ts'
import type { Operation } from './providers/provider.ts'

export interface WatchedGatesParts {
  readonly clock: Clock
  readonly log: Log
  readonly stop$: Observable<unknown>
  /** A site began or ended to be left alone. */
  readonly healthChanged: (site: string, error: SyncError | undefined) => void
  readonly probe: (site: string, operation: Operation) => Promise<void>
  readonly recovered: (site: string) => void
}

/** The gates of all sites; the log tells when one is left alone, and when it is usable again. */
export function watchedGates({ clock, log, stop$, healthChanged, probe, recovered }: WatchedGatesParts): SiteGates {
  return new SiteGates({
    clock,
    stop$,
    probe,
    events: {
      cooling(site, error, ms) {
        const message = `left alone for ${Math.ceil(ms / 1_000)} s: ${error.message}`
        log.event('site.cooling', { site, error, message, extra: { for_ms: Math.round(ms) } })
        healthChanged(site, error)
      },
      recovered(site, forMs) {
        log.event('site.recovered', { site, durationMs: forMs })
        healthChanged(site, undefined)
        recovered(site)
      },
    },
  })
}

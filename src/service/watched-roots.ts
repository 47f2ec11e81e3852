import type { Log } from '../model/log.ts'
import type { Clock } from '../pipeline/clock.ts'
import { RootHealth, type RootHealthParts } from '../pipeline/root-health.ts'

export interface WatchedRootsParts {
  readonly clock: Clock
  readonly log: Log
  readonly probe: RootHealthParts['probe']
  /** Files for this site are left as they are. */
  readonly left: (site: string) => void
  readonly recovered: () => void
}

/** Which roots are missing; the log tells when one is left alone, and when it is back. */
export function watchedRoots({ clock, log, probe, left, recovered }: WatchedRootsParts): RootHealth {
  return new RootHealth({
    clock,
    probe,
    events: {
      down(site, root, error) {
        log.event('site.cooling', {
          site,
          error,
          message: `its other roots go on; left alone until it is back: ${error.message}`,
          extra: { root },
        })
        left(site)
      },
      up(site, root, forMs) {
        log.event('site.recovered', { site, durationMs: forMs, message: `the root ${root} is back`, extra: { root } })
        recovered()
      },
    },
  })
}

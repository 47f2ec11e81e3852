import { limitedSites } from '../model/closed-sites.ts'
import type { Settings } from '../model/settings.ts'
import type { Clock } from '../pipeline/clock.ts'
import { Line } from '../pipeline/line.ts'
import type { Peers } from '../pipeline/peers.ts'
import { ThrottledProvider } from '../pipeline/throttled-provider.ts'
import type { Provider } from '../providers/provider.ts'

export interface LinesParts {
  readonly settings: Pick<Settings, 'sites' | 'projects'>
  readonly clock: Clock
  readonly peers: Pick<Peers, 'sharersOf'>
}

/** The lines of the sites that have a limit: one each, whatever is opened of the site. */
export class Lines {
  readonly #lines: ReadonlyMap<string, Line>

  constructor({ settings, clock, peers }: LinesParts) {
    this.#lines = new Map(
      [...limitedSites(settings)].map(([name, { bandwidth, concurrencyScope }]) => {
        const sharers = concurrencyScope === 'cluster' ? () => peers.sharersOf(name) : () => 1
        return [name, new Line({ clock, bandwidth, sharers })]
      }),
    )
  }

  /** The same site, held to what its line bears. */
  held(provider: Provider): Provider {
    const line = this.#lines.get(provider.site.name)
    return line ? new ThrottledProvider(provider, line) : provider
  }
}

import type { Site } from '../model/site.ts'
import type { Provider } from './provider.ts'

/** What a provider is told about the world around it. */
export interface ProviderContext {
  /** A root that this service has seen before and that is gone now is unmounted, not new. */
  readonly mayCreateRoot: boolean
  readonly warn: (message: string) => void
}

/** How a provider joins: its file, and how many transfers to one site it bears at once. */
export interface ProviderEntry {
  /** Transfers at once to one site, unless its configuration says otherwise. Name the quota it comes from. */
  readonly concurrency: number
  /** Loaded when the first site needs it, so that nobody pays for an SDK that is not used. */
  open(site: Site, context: ProviderContext): Promise<Provider>
}

import { SyncError } from '../errors.ts'
import type { RootFacts } from '../model/root-facts.ts'
import type { Site } from '../model/site.ts'
import type { Provider } from './provider.ts'

/** Keeps what roots of this machine were, over restarts. */
export interface RootMemory {
  load(root: string): Promise<RootFacts | undefined>
  save(root: string, facts: RootFacts): Promise<void>
}

/** What a provider is told about the world around it. */
export interface ProviderContext {
  /** A root that this service has seen before and that is gone now is unmounted, not new. */
  readonly mayCreateRoot: boolean
  readonly warn: (message: string) => void
  /** Absolute paths of the service's configuration and credentials: neither sent nor written. Without it, there are none. */
  readonly ownFiles?: readonly string[]
  /** Rejects with `BAD_ROOT` unless a root of this machine may be used that leads there. Without it, any may. */
  readonly assertRoot?: (root: string, real: string) => Promise<void>
  /** Keeps what the roots of this machine are, so that an empty mount point is not taken for a share. Without it, nothing is remembered. */
  readonly rootMemory?: RootMemory
  /**
   * Persists `proposedId` under `key`, for all instances of the service, unless there is one already that is not `spentId`; resolves with
   * the one that stands. Lets a provider whose folders have ids create each of them once. Without it, twins are found and settled afterwards.
   */
  readonly reserveFolderId?: (key: string, proposedId: string, spentId?: string) => Promise<string>
}

/** How a provider joins: its file, and how many transfers to one site it bears at once. */
export interface ProviderEntry {
  /** Transfers at once to one site, unless its configuration says otherwise. Name the quota it comes from. */
  readonly concurrency: number
  /** Do reads count among them? */
  readonly countsReads: boolean
  /** May the storage take upper and lower case for the same? */
  readonly foldsCase: boolean
  /** Loaded when the first site needs it, so that nobody pays for an SDK that is not used. */
  open(site: Site, context: ProviderContext): Promise<Provider>
}

/** Every provider there is, by the name that stands in a site's `provider`. */
export const providers: ReadonlyMap<string, ProviderEntry> = new Map<string, ProviderEntry>([
  [
    'gdrive',
    {
      // https://developers.google.com/workspace/drive/api/guides/limits: thousands of calls a minute and user, of which a small file
      // costs one. Where each takes a third of a second, so many are a third of the 12,000 calls a minute of a project; where an account bears less, as some do, the rate gate slows all of them down.
      concurrency: 24,
      countsReads: true,
      foldsCase: false,
      open: async (site, context) => await (await import('./gdrive.ts')).openGDrive(site, context),
    },
  ],
  [
    'local_drive',
    {
      // No quota. Half as many as there are threads for the file system (`thread-pool.ts`): a transfer reads and writes at the same time.
      // More would only hold more buffers of 1 MiB.
      concurrency: 16,
      countsReads: false,
      // Disks of Windows and macOS do, and shares of such servers.
      foldsCase: true,
      open: async (site, context) => await (await import('./local-drive.ts')).openLocalDrive(site, context),
    },
  ],
])

/** Connects a site. Rejects with a `site` fault: `MISCONFIGURED` for an unknown provider, or what its provider says. */
export async function openProvider(site: Site, context: ProviderContext): Promise<Provider> {
  const entry = providers.get(site.provider)
  if (entry !== undefined) return await entry.open(site, context)
  const known = [...providers.keys()].join(', ')
  throw new SyncError('MISCONFIGURED', `site ${site.name}: there is no provider "${site.provider}"; there are: ${known}`)
}

export function foldsCase({ provider }: Site): boolean {
  return providers.get(provider)?.foldsCase === true
}

/** Does reading from this site count as one of its transfers? Disks of this machine are read by as many as their targets bear. */
export function countsReads(site: Site | undefined): boolean {
  return providers.get(site?.provider ?? '')?.countsReads === true
}

/** Transfers at once to this site: as configured, or what its provider bears. */
export function concurrencyOf(site: Site | undefined): number {
  return site?.concurrency ?? providers.get(site?.provider ?? '')?.concurrency ?? 1
}

import type { Outcome } from '../model/outcome.ts'
import type { RootedPath, Site } from '../model/site.ts'
import type { Occasion } from '../model/eligibility.ts'
import type { Endpoints, Transfer } from '../model/transfer.ts'
import type { ByteSource, ChecksumAlgorithm, Provider, RemoteFile } from '../providers/provider.ts'
import type { Attempt } from './attempt.ts'
import type { SiteHealth } from './site-breaker.ts'

/** Connected providers, one a site, opened when first needed. */
export interface ProviderPool {
  get(site: Site): Promise<Provider>
  /** Undefined when it is not open. */
  opened(site: Site): Provider | undefined
}

export type OpenSource = (
  provider: Provider,
  path: RootedPath,
  options: { signal: AbortSignal; checksumAlgorithm: ChecksumAlgorithm; id?: string },
) => Promise<ByteSource>

/** Bytes are at the target; nobody has compared them yet. */
export interface Written {
  readonly kind: 'written'
  readonly endpoints: Endpoints
  readonly target: Provider
  readonly source: ByteSource
  readonly file: RemoteFile
  /** 0 when the file was there already. */
  readonly sent: number
  rewrite(): Promise<RemoteFile>
  /** Does it again while its faults pass by themselves, as the transfer itself was done. */
  patiently<T>(work: () => Promise<T>): Promise<T>
  /** What a fault of later steps costs, and whom. */
  outcomeOf(thrown: unknown): Promise<Outcome>
}

export interface Settled {
  readonly attempt: Attempt
  readonly outcome: Outcome
}

/** Follows attempts and their steps, where somebody wants to know how long each takes. Changes nothing of what they give, or throw. */
export interface Tracing {
  attempt(attempt: Attempt, work: () => Promise<Settled | undefined>): Promise<Settled | undefined>
  step<T>(name: 'claim' | 'copy' | 'verify' | 'write back', work: () => Promise<T>): Promise<T>
}

/** Transfers found in one representation. */
export interface Found {
  readonly representationKey: string
  readonly transfers: readonly Transfer[]
  readonly occasion: Occasion
  /** A change of this document: what is running is to be looked at again afterwards. */
  readonly changed: boolean
}

/** How a site is doing, and how much there is to do. */
export interface SiteStatus {
  readonly health: SiteHealth
  /** Started and not yet verified. */
  readonly running: number
  /** To be done and not started yet. */
  readonly queued: number
}

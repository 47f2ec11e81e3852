import type { Observable } from 'rxjs'

import type { Claim } from '../model/claim.ts'
import type { Outcome } from '../model/outcome.ts'
import type { RootedPath, Site } from '../model/site.ts'
import type { Route, Transfer } from '../model/transfer.ts'
import type { ByteSource, ChecksumAlgorithm, Provider, RemoteFile } from '../providers/provider.ts'
import type { RunningTransfer } from './transfer-queue.ts'

/** Connected providers, one a site, opened when first needed. */
export interface ProviderPool {
  get(site: Site): Promise<Provider>
}

export type OpenSource = (
  provider: Provider,
  path: RootedPath,
  options: { signal: AbortSignal; checksumAlgorithm: ChecksumAlgorithm },
) => Promise<ByteSource>

export type Endpoints = Exclude<Route, { readonly error: unknown }>

/** A claimed transfer; `claim` is renewed while the work goes on. */
export interface Held {
  readonly running: RunningTransfer
  /** As the document says it since the claim. */
  readonly transfer: Transfer
  claim: Claim
  /** Settles when no election can take the lease away any more; rejects when one did. */
  readonly confirmed: Promise<void>
  /** Bytes stored at the target so far, of `size`. */
  progress: { bytes: number; size: number }
  /** When there was a slot for it. */
  startedAt: number
}

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
  readonly held: Held
  readonly outcome: Outcome
}

/** The steps of the work on one transfer, each an Observable of at most one value. */
export interface Steps {
  /** Empty: somebody else's, or not pending any more. */
  claim(running: RunningTransfer): Observable<Held>
  transfer(held: Held): Observable<Written | Outcome>
  verify(held: Held, written: Written | Outcome): Observable<Outcome>
  writeBack(held: Held, outcome: Outcome): Observable<Settled>
  /** Passes `work` on, and renews the lease until it ends. */
  keepLease<T>(held: Held, work: Observable<T>): Observable<T>
}

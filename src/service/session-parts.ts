import type { SyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import type { Looked } from '../model/look.ts'
import type { TransientRetry } from '../model/retry-policy.ts'
import type { Settings } from '../model/settings.ts'
import type { Clock } from '../pipeline/clock.ts'
import type { Settled, Tracing } from '../pipeline/contracts.ts'
import type { ProviderPoolParts } from '../providers/provider-pool.ts'
import type { Connections } from '../streams/connect.ts'
import type { StateDatabase } from '../streams/state-database.ts'
import type { ChangeHintsParts } from './change-hints.ts'

/** What a session is made of. */
export interface SessionParts extends Pick<ChangeHintsParts, 'heard'> {
  /** The instance's id. */
  readonly id: string
  readonly settings: Settings
  readonly log: Log
  readonly clock: Clock
  readonly retry: TransientRetry
  readonly mode: 'run' | 'once'
  readonly connections: Connections
  readonly state: StateDatabase
  /** Other instances may have come or gone. */
  readonly met: () => void
  readonly openProvider?: ProviderPoolParts['open']
  /** A representation was looked at. */
  readonly looked?: Looked
  readonly tracing?: Tracing | undefined
  /** A scan left out what a site has no room for. */
  readonly turnedAway?: (site: string) => void
  /** Whether somebody looks on at a terminal, asked once a second. */
  readonly watched?: (isWatched: boolean) => void
  /** Work can be taken. */
  readonly ready: () => void
  readonly settled: (settled: Settled) => void
  /** A site began, or ended, to be left alone. */
  readonly health: (site: string, error: SyncError | undefined) => void
  /** Of `once`: a site is in trouble, its work is left. */
  readonly troubled: (site: string) => void
}

import type { Log } from '../model/log.ts'
import type { TransientRetry } from '../model/retry-policy.ts'
import type { Settings } from '../model/settings.ts'
import type { Clock } from '../pipeline/clock.ts'
import type { ProviderPoolParts } from '../providers/provider-pool.ts'

export interface ServiceOptions {
  readonly settings: Settings
  readonly log: Log
  /** `run`: until stopped. `once`: one pass over everything pending, then it stops by itself. */
  readonly mode: 'run' | 'once'
  readonly clock?: Clock
  readonly retry?: TransientRetry
  readonly openProvider?: ProviderPoolParts['open']
}

export interface ServiceResult {
  readonly synced: number
  readonly failed: number
  /** Of `once`: what was in trouble, whose work was left: sites, or the database. */
  readonly troubled: ReadonlySet<string>
  /** The server is not one that the service can work with: it was told, and nothing was done. */
  readonly refused: boolean
}

import type { Observable } from 'rxjs'

import type { SyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import type { Looked } from '../model/look.ts'
import type { TransientRetry } from '../model/retry-policy.ts'
import type { Settings } from '../model/settings.ts'
import type { ClaimStore, DocumentReader, RecordWriter, SlotStore } from '../model/stores.ts'
import type { Clock } from '../pipeline/clock.ts'
import type { Tracing } from '../pipeline/contracts.ts'
import type { Peers } from '../pipeline/peers.ts'
import type { Hint, PlannerParts } from '../pipeline/planner.ts'
import type { ScanParts } from '../pipeline/scan-plan.ts'
import type { ProviderPool } from '../providers/provider-pool.ts'

export interface EngineParts {
  readonly settings: Settings
  readonly log: Log
  readonly clock: Clock
  /** Scan again and again, not only on request. */
  readonly isRepeated: boolean
  readonly retry: TransientRetry
  readonly claims: ClaimStore
  readonly slots: SlotStore
  readonly records: RecordWriter
  readonly reader: DocumentReader
  readonly providers: ProviderPool
  /** What holds for a project; without it, what the configuration says. */
  readonly settingsOf?: PlannerParts['settingsOf']
  readonly prepare?: PlannerParts['prepare']
  readonly appeared?: PlannerParts['appeared']
  readonly misconfigured: ReadonlyMap<string, SyncError>
  readonly samePlaces: ReadonlyMap<string, string>
  readonly pages: ScanParts['pages']
  /** Does a change stream tell of all changes now? Without it, none does. */
  readonly isTold?: () => boolean
  readonly serverTime: () => Promise<Date>
  readonly changes$: Observable<Hint>
  /** Which instance is to do what first; without it, this one does all. */
  readonly peers?: Peers
  readonly looked?: Looked
  readonly tracing?: Tracing | undefined
  /** Another instance had what was to be done here first. */
  readonly contested?: () => void
  /** A file for this site is left as it is, without a fault. */
  readonly left: (site: string) => void
  /** A site began or ended to be left alone. */
  readonly healthChanged: (site: string, error: SyncError | undefined) => void
}

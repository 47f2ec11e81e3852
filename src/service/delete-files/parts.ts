import type { Db } from 'mongodb'

import type { SyncError } from '../../errors.ts'
import type { Plain, RepresentationDocument } from '../../model/document.ts'
import type { Log } from '../../model/log.ts'
import type { Selection } from '../../model/selection.ts'
import type { ProjectSettings, Settings } from '../../model/settings.ts'
import type { Shape } from '../../model/site-record.ts'
import type { RootedPath, Site } from '../../model/site.ts'
import type { Removed } from '../../providers/provider.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import type { Removal } from '../../streams/removals.ts'
import type { EditCounts } from '../edit-records.ts'

/** Why a file stays where it is. */
export type KeptReason =
  /** No other site has a file of the same content now. Its record stays as well. */
  | 'last-copy'
  /** Another file entry has it there. Its record is removed. */
  | 'shared'
  /** Several files of its name are there. Its record stays. */
  | 'duplicated'
  /** The site did not say what is there. Its record stays. */
  | 'not-looked'
  /** Something else is written there. Its record stays. */
  | 'busy'
  /** Another file has taken its place since it was looked at. Its record stays. */
  | 'changed'
  /** The site refused. Its record stays. */
  | 'failed'

/** What became of a file, or would. */
export interface DeletedFile {
  readonly project: string
  readonly representation: string
  readonly path: string
  readonly site: string
  readonly outcome: 'deleted' | 'kept'
  /** Of one that was deleted: where it is now. */
  readonly to?: Removed
  readonly bytes?: number
  /** Of one that is kept. */
  readonly reason?: KeptReason
  readonly why?: string
}

export interface DeleteCounts extends EditCounts {
  /** Files that were deleted. */
  deleted: number
  /** Files that stay. */
  kept: number
  /** Of these, the ones that another file entry has there: nothing is wrong with them. */
  shared: number
  /** Files that were not there. */
  missing: number
}

export interface DeleteParts {
  readonly db: Db
  /** The database of our own. */
  readonly state: Db
  readonly settings: Settings
  readonly selection: Selection
  readonly site: string
  readonly dryRun: boolean
  readonly misconfigured: ReadonlyMap<string, SyncError>
  readonly providers: Pick<ProviderPool, 'get'>
  readonly who: string
  readonly log: Log
  readonly signal: AbortSignal
  readonly progress?: (counts: Readonly<DeleteCounts>) => void
  readonly refused?: (project: string, representation: string, error: unknown) => void
}

/** A file entry whose record is to go, and with it the file. */
export interface Item {
  readonly project: string
  readonly own: ProjectSettings
  readonly document: RepresentationDocument
  readonly entry: Plain
  readonly shape: Shape
  readonly path: string
  /** An earlier run has taken its record out already, and did not come to the file. */
  readonly isLeft: boolean
  readonly removal: Removal
}

/** A file at the site, with all entries of a batch that mean it. */
export interface Target {
  readonly site: Site
  readonly place: RootedPath
  readonly items: readonly [Item, ...Item[]]
}

/** One text a file entry. */
export function entryKey(project: string, representation: string, file: string): string {
  return `${project}\0${representation}\0${file}`
}

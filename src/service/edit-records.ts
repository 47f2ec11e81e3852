import { MongoServerError, type Db } from 'mongodb'

import { idPlain, type RepresentationDocument } from '../model/document.ts'
import { projectSettings } from '../model/project-settings.ts'
import { planEdit, type EditedFiles, type RecordEdit } from '../model/record-edit.ts'
import type { KnownNames, Selection } from '../model/selection.ts'
import type { ProjectSettings, Settings } from '../model/settings.ts'
import { ownSites, projectSites } from '../model/sources.ts'
import { EditBatches } from './edit-batches.ts'
import { selectedProjects } from './selected-projects.ts'
import { editUpdate } from '../streams/edit-update.ts'
import { isPassing } from '../streams/outage.ts'
import { collectionNames } from '../streams/scan.ts'
import { selected } from '../streams/selected.ts'

/** What was done, or would be. */
export interface EditCounts {
  /** Records that were changed. */
  records: number
  /** Representations that they are in. */
  representations: number
  /** Representations that were looked at. */
  looked: number
  /** Representations that changed meanwhile; left as they are. */
  skipped: number
  /** Representations that the server did not take. */
  refused: number
  /** Files that were selected and can't be edited, as they stand in their documents. */
  uneditable: number
  /** Changed records that had a `created_dt`. */
  created: number
}

export interface EditParts {
  readonly db: Db
  readonly settings: Settings
  readonly selection: Selection
  readonly edit: RecordEdit
  readonly dryRun: boolean
  readonly signal: AbortSignal
  /** Also what is under way counts. Called for each representation. */
  readonly progress?: (counts: Readonly<EditCounts>) => void
  readonly refused?: (project: string, representation: string, error: unknown) => void
  /** What can't be edited in a representation: where, and why. */
  readonly uneditable?: (project: string, representation: string, faults: readonly string[]) => void
}

/** Requests under way at once. */
const AT_ONCE = 4

/** Every name that a selection may hold. */
export async function knownNames(db: Db, settings: Settings): Promise<KnownNames> {
  return { sites: knownSites(settings), projects: await collectionNames(db) }
}

/** The sites of all projects, those that are not for this machine among them. */
export function knownSites(settings: Settings): ReadonlySet<string> {
  const sites = [settings, ...settings.projects.overrides.values()].flatMap((of) => [
    ...(of.sites?.keys() ?? []),
    ...(of.skipped?.keys() ?? []),
    ...(of.publishSite === undefined ? [] : [of.publishSite]),
  ])
  return new Set([...sites, settings.localId].filter((name) => name !== ''))
}

export const noCounts = (): EditCounts => ({ records: 0, representations: 0, looked: 0, skipped: 0, refused: 0, uneditable: 0, created: 0 })

/**
 * Edits the selected records, page by page, and counts in `counts`, which also holds after a fault; what was done when it is told to end
 * stays done. Running it again is safe.
 */
export async function editRecords(parts: EditParts, counts = noCounts()): Promise<EditCounts> {
  const { db, settings, selection, signal } = parts
  const under = new Set<Promise<void>>()
  const faults: unknown[] = []
  const begin = async (work: () => Promise<unknown>): Promise<void> => {
    const one = work()
      .then(() => undefined)
      .catch((error: unknown) => void faults.push(error))
      .finally(() => {
        under.delete(one)
        parts.progress?.(counts)
      })
    under.add(one)
    if (under.size >= AT_ONCE) await Promise.race(under)
  }
  for (const project of await selectedProjects(db, settings, selection)) {
    const own = projectSettings(settings, project)
    const scope = { selection, sites: sitesOf(own, selection, parts.edit), retryCount: own.retryCount }
    const batches = new EditBatches({ ...parts, project, counts })
    try {
      for await (const document of selected(db, project, selection, { sites: scope.sites, signal, byRecords: true })) {
        if (signal.aborted || faults.length > 0) break
        counts.looked++
        const { edited: todo, uneditable } = planEdit(document.files, parts.edit, scope)
        counts.uneditable += uneditable.length
        if (uneditable.length > 0) parts.uneditable?.(project, idPlain(document._id), uneditable)
        const [first] = todo
        if (!first) parts.progress?.(counts)
        else if (todo.length > 1 || parts.dryRun)
          await begin(async () => applyEdits({ ...parts, project, document, counts }, parts.edit, todo))
        else {
          const full = batches.add(document._id, first)
          if (full) await begin(full)
        }
      }
      if (!signal.aborted && faults.length === 0) await begin(async () => batches.flush())
    } catch (error) {
      if (!signal.aborted) faults.push(error)
    }
    await Promise.all(under)
    if (faults.length > 0) throw faults[0]
    if (signal.aborted) break
  }
  return counts
}

/** A reset without a site is about where files go; the publish site's own record says that there is something to send. */
function sitesOf(settings: ProjectSettings, { site }: Selection, edit: RecordEdit): readonly string[] {
  if (site !== undefined) return [site]
  const all = [...new Set([...projectSites(settings), ...(settings.skipped?.keys() ?? [])])]
  return edit.kind === 'reset' ? all.filter((name) => !ownSites(settings).includes(name)) : all
}

interface AppliedParts extends Pick<EditParts, 'db' | 'dryRun' | 'refused'> {
  readonly project: string
  readonly document: RepresentationDocument
  readonly counts: EditCounts
}

/** Edits one document, and counts what came of it; gives what was edited. */
export async function applyEdits(
  { db, dryRun, refused, project, document, counts }: AppliedParts,
  edit: RecordEdit,
  todo: readonly EditedFiles[],
): Promise<readonly EditedFiles[]> {
  const done: EditedFiles[] = []
  let isSkipped = false
  for (const edited of todo) {
    try {
      if (dryRun || (await applyEdit(db, project, document, edit, edited))) done.push(edited)
      else isSkipped = true
    } catch (error) {
      if (!(error instanceof MongoServerError) || isPassing(error)) throw error
      counts.refused++
      refused?.(project, idPlain(document._id), error)
    }
  }
  for (const { fileIds, created } of done) {
    counts.records += fileIds.length
    counts.created += created
  }
  if (done.length > 0) counts.representations++
  if (isSkipped) counts.skipped++
  return done
}

/** False when it was not as it was read any more: nothing is changed then. */
export async function applyEdit(
  db: Db,
  project: string,
  { _id }: RepresentationDocument,
  edit: RecordEdit,
  edited: EditedFiles,
): Promise<boolean> {
  const { filter, update, arrayFilters } = editUpdate(_id, edit, edited)
  const { matchedCount } = await db
    .collection(project)
    .updateOne(filter, update, { upsert: false, hint: { _id: 1 }, ...(arrayFilters && { arrayFilters }) })
  return matchedCount > 0
}

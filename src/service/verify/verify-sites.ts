import { MongoServerError, type Db } from 'mongodb'

import { messageOf, SyncError } from '../../errors.ts'
import { comparedFile, type ComparedFile } from '../../model/compared-file.ts'
import { fileEntries, idPlain, type Plain, type RepresentationDocument } from '../../model/document.ts'
import { isChosen, RESET, type EditedFiles } from '../../model/record-edit.ts'
import type { Selection } from '../../model/selection.ts'
import type { ProjectSettings, Settings } from '../../model/settings.ts'
import { readSites } from '../../model/site-record.ts'
import { projectSites } from '../../model/sources.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { editUpdate } from '../../streams/edit-update.ts'
import { isPassing } from '../../streams/outage.ts'
import { selectedSlowly } from '../../streams/selected.ts'
import { applyEdit } from '../edit-records.ts'
import { selectedWithRoots } from '../selected-projects.ts'
import { inTime } from '../site-content.ts'
import { lookAtSite, type Finding } from './look-at-site.ts'

export const MENDS = ['report', 'reset', 'resend'] as const
/** `reset`: the record does not say any more that the file is there; `resend`: the same, where another site has it to send. */
export type Mend = (typeof MENDS)[number]

export interface Found {
  readonly project: string
  readonly representation: string
  readonly path: string
  readonly site: string
  readonly finding: Finding | 'not-looked'
  readonly why: string
  /** The record was reset, or would be. */
  readonly mended: boolean
}

export interface VerifyCounts {
  /** Records that say that a file is there, in the selection. */
  records: number
  /** Representations that they are in. */
  representations: number
  missing: number
  changed: number
  truncated: number
  duplicated: number
  /** There, but no other site has it to compare it with. */
  alone: number
  /** A site did not answer: nothing is known. */
  not_looked: number
  /** Records that were reset, or would be. */
  mended: number
  /** Representations that they are in. */
  mended_representations: number
  /** Findings in documents that changed meanwhile: left as they are, and not told. */
  skipped: number
  /** Records that the server did not take. */
  refused: number
}

export interface VerifyParts {
  readonly db: Db
  readonly settings: Settings
  readonly selection: Selection
  readonly mend: Mend
  readonly isDryRun: boolean
  readonly misconfigured: ReadonlyMap<string, unknown>
  readonly providers: Pick<ProviderPool, 'get'>
  readonly signal: AbortSignal
  /** Called for each file that was looked at. */
  readonly progress?: (counts: Readonly<VerifyCounts>) => void
}

/** One record to look at. */
interface Item {
  readonly project: string
  readonly settings: ProjectSettings
  readonly document: RepresentationDocument
  readonly entry: Plain
  readonly site: string
}

/** Files that are looked at at once. */
const AT_ONCE = 8

export const noVerifyCounts = (): VerifyCounts => ({
  records: 0,
  representations: 0,
  missing: 0,
  changed: 0,
  truncated: 0,
  duplicated: 0,
  alone: 0,
  not_looked: 0,
  mended: 0,
  mended_representations: 0,
  skipped: 0,
  refused: 0,
})

/** Looks at each selected file that a record says is at a site, and gives what is wrong. What was mended when it is told to end stays so. */
export async function* verifySites(parts: VerifyParts, counts: VerifyCounts): AsyncGenerator<Found> {
  const { signal, progress } = parts
  const trouble = new Map<string, string>()
  const mendedOnes = new WeakSet<object>()
  const items = recordsOf(parts, counts)
  const under = new Map<object, Promise<readonly [object, Found | undefined]>>()
  const begin = (item: Item): void => {
    const key = {}
    const one = checkRecord(parts, item, trouble, counts).then((found) => {
      if (found?.mended === true && !mendedOnes.has(item.document)) counts.mended_representations++
      if (found?.mended === true) mendedOnes.add(item.document)
      return [key, found] as const
    })
    // It may reject before anybody waits for it; who does is told all the same.
    one.catch(() => undefined)
    under.set(key, one)
  }
  try {
    for (let isDone = false; !isDone || under.size > 0;) {
      while (!isDone && under.size < AT_ONCE && !signal.aborted) {
        const next = await items.next()
        if (next.done === true) isDone = true
        else begin(next.value)
      }
      if (signal.aborted) isDone = true
      if (under.size === 0) continue
      const [key, found] = await Promise.race(under.values())
      under.delete(key)
      progress?.(counts)
      if (found) yield found
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await Promise.allSettled(under.values())
    await items.return(undefined)
  }
}

async function* recordsOf({ db, settings, selection, signal }: VerifyParts, counts: VerifyCounts): AsyncGenerator<Item, undefined> {
  for await (const { project, own } of selectedWithRoots(db, settings, selection)) {
    const all = projectSites(own)
    const sites = [...new Set([...all, ...(selection.site === undefined ? [] : [selection.site])])]
    for await (const document of selectedSlowly(db, project, selection, { sites, signal })) {
      const before = counts.records
      for (const entry of fileEntries(document)) {
        const { records } = readSites(entry['sites'])
        for (const site of selection.site === undefined ? all : [selection.site]) {
          const said = records.get(site)?.some((record) => record.created && isChosen(record, { selection, retryCount: own.retryCount }))
          if (said !== true) continue
          if (counts.records === before) counts.representations++
          counts.records++
          yield { project, settings: own, document, entry, site }
        }
      }
    }
  }
  return undefined
}

async function checkRecord(parts: VerifyParts, item: Item, trouble: Map<string, string>, counts: VerifyCounts): Promise<Found | undefined> {
  const { providers, misconfigured, signal } = parts
  const { project, document, entry, site, settings } = item
  const { path } = entry
  const about = { project, representation: idPlain(document._id), path: typeof path === 'string' ? path : String(path), site }
  const unknown = (why: string): Found => {
    counts.not_looked++
    return { ...about, finding: 'not-looked', why, mended: false }
  }
  if (typeof path !== 'string') return unknown('its path is no text')
  if (misconfigured.has(site)) return unknown(messageOf(misconfigured.get(site)))
  const file = comparedFile({ document, settings, misconfigured }, path, readSites(entry['sites']), site)
  if (file === undefined) return unknown('the site is not configured in this project')
  if (file instanceof SyncError) return unknown(file.message)
  const look = await lookAtSite({ providers, signal, trouble }, file, entry['size'])
  if (look.kind === 'same') return undefined
  if (look.kind === 'alone') {
    counts.alone++
    return undefined
  }
  if (look.kind === 'unknown') return unknown(look.why)
  const becomes = await mend(parts, item, file, look.finding)
  if (becomes === 'skipped') {
    counts.skipped++
    return undefined
  }
  counts[look.finding]++
  if (becomes === 'mended') counts.mended++
  if (becomes === 'refused') counts.refused++
  return { ...about, finding: look.finding, why: look.why, mended: becomes === 'mended' }
}

/** Resets the record where that is asked for and helps; `skipped`: the document is not what was looked at any more. */
async function mend(
  parts: VerifyParts,
  { project, document, entry, site }: Item,
  file: ComparedFile,
  finding: Finding,
): Promise<'mended' | 'left' | 'skipped' | 'refused'> {
  const { db, isDryRun } = parts
  const edited: EditedFiles = { site, shape: readSites(entry['sites']).shape, fileIds: [entry['_id']], entries: [entry], created: 1 }
  // Files are found by their ids.
  const isToBe = entry['_id'] !== undefined && entry['_id'] !== null && (await mends(parts, file, finding))
  if (!isToBe || isDryRun) {
    const { filter } = editUpdate(document._id, RESET, edited)
    const now = await db.collection(project).findOne(filter, { projection: { _id: 1 }, hint: { _id: 1 } })
    return now === null ? 'skipped' : isToBe ? 'mended' : 'left'
  }
  try {
    return (await applyEdit(db, project, document, RESET, edited)) ? 'mended' : 'skipped'
  } catch (error) {
    if (!(error instanceof MongoServerError) || isPassing(error)) throw error
    return 'refused'
  }
}

/**
 * Nothing is sent over what was published, and of several files of one name a person has to say which is meant. A resend needs a site that
 * has the file.
 */
async function mends({ mend: how, providers, signal }: VerifyParts, file: ComparedFile, finding: Finding): Promise<boolean> {
  if (how === 'report' || finding === 'duplicated') return false
  if (file.isOriginal && finding !== 'missing') return false
  if (how === 'reset') return true
  for (const { source, sourceSite } of file.sources) {
    try {
      const provider = await providers.get(sourceSite)
      if (await inTime(signal, async (limited) => provider.stat(source, { signal: limited, exact: true }))) return true
    } catch {
      signal.throwIfAborted()
    }
  }
  return false
}

import { MongoServerError } from 'mongodb'

import type { ComparedFile } from '../../model/compared-file.ts'
import type { Plain } from '../../model/document.ts'
import { isChosen, RESET, type EditedFiles } from '../../model/record-edit.ts'
import type { ProjectSettings } from '../../model/settings.ts'
import { readSites } from '../../model/site-record.ts'
import { isAsRead } from '../../streams/edit-update.ts'
import { isPassing } from '../../streams/outage.ts'
import { applyEdit } from '../edit-records.ts'
import { elsewhere, lookAtSite, type Elsewhere, type Finding } from './look-at-site.ts'
import { aboutItem, atOnce, subjectOf, walk, type Item, type Position, type WalkParts } from './walk.ts'

export const MENDS = ['report', 'reset', 'resend'] as const
/** `reset`: the record does not say any more that the file is there, unless no other site has it; `resend`: the same, where another site has it at this moment. */
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
  /** Findings of files that no other site has: nobody could send them again. */
  nowhere_else: number
  /** Findings in documents that changed meanwhile: left as they are, and not told. */
  skipped: number
  /** Records that the server did not take. */
  refused: number
}

export interface VerifyParts extends WalkParts {
  readonly mend: Mend
  readonly isDryRun: boolean
  /** Called for each file that was looked at. */
  readonly progress?: (counts: Readonly<VerifyCounts>) => void
}

/** Files in which something is wrong. */
export const wrongOf = ({ missing, changed, truncated, duplicated }: VerifyCounts): number => missing + changed + truncated + duplicated

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
  nowhere_else: 0,
  skipped: 0,
  refused: 0,
})

/** Looks at each selected file that a record says is at a site, and gives what is wrong. What was mended when it is told to end stays so. */
export async function* verifySites(parts: VerifyParts, counts: VerifyCounts): AsyncGenerator<Found> {
  const trouble = new Map<string, string>()
  const mendedOnes = new WeakSet<object>()
  const work = async (item: Item): Promise<Found | undefined> => {
    const found = await checkRecord(parts, item, trouble, counts)
    if (found?.mended === true && !mendedOnes.has(item.document)) counts.mended_representations++
    if (found?.mended === true) mendedOnes.add(item.document)
    return found
  }
  for await (const found of atOnce(recordsThere(parts, counts), work, parts.signal)) {
    parts.progress?.(counts)
    if (found) yield found
  }
}

/** The records of the selection that say that a file is there. */
export async function* recordsThere(
  parts: Pick<WalkParts, 'db' | 'settings' | 'selection' | 'signal'>,
  counts: Pick<VerifyCounts, 'records' | 'representations'>,
  from?: Position,
): AsyncGenerator<Item, undefined> {
  const { selection } = parts
  const isThere = ({ sites }: Plain, site: string, { retryCount }: ProjectSettings): boolean =>
    readSites(sites)
      .records.get(site)
      ?.some((record) => record.created && isChosen(record, { selection, retryCount })) === true
  let latest: unknown
  for await (const item of walk(parts, isThere, from)) {
    if (item.document !== latest) counts.representations++
    latest = item.document
    counts.records++
    yield item
  }
  return undefined
}

/** Looks at one of them; undefined where nothing is wrong. */
export async function checkRecord(
  parts: VerifyParts,
  item: Item,
  trouble: Map<string, string>,
  counts: VerifyCounts,
): Promise<Found | undefined> {
  const { misconfigured } = parts
  const about = aboutItem(item)
  const unknown = (why: string): Found => {
    counts.not_looked++
    return { ...about, finding: 'not-looked', why, mended: false }
  }
  const file = subjectOf(item, misconfigured)
  if (typeof file === 'string') return unknown(file)
  const look = await lookAtSite({ ...parts, trouble }, file, item.entry['size'])
  if (look.kind === 'same') return undefined
  if (look.kind === 'alone') {
    counts.alone++
    return undefined
  }
  if (look.kind === 'unknown') return unknown(look.why)
  const others = await elsewhere({ ...parts, trouble }, file)
  const becomes = await mend(parts, item, mends(parts.mend, file, look.finding, others))
  if (becomes === 'skipped') {
    counts.skipped++
    return undefined
  }
  counts[look.finding]++
  if (others === 'nowhere') counts.nowhere_else++
  if (becomes === 'mended') counts.mended++
  if (becomes === 'refused') counts.refused++
  const why = others === 'nowhere' ? `${look.why}; no other site is known to have it` : look.why
  return { ...about, finding: look.finding, why, mended: becomes === 'mended' }
}

/** Resets the record where that is asked for and helps; `skipped`: the document is not what was looked at any more. */
async function mend(
  { db, isDryRun }: VerifyParts,
  { project, document, entry, site }: Item,
  helps: boolean,
): Promise<'mended' | 'left' | 'skipped' | 'refused'> {
  const edited: EditedFiles = { site, shape: readSites(entry['sites']).shape, fileIds: [entry['_id']], entries: [entry], created: 1 }
  // Files are found by their ids.
  const isToBe = helps && entry['_id'] !== undefined && entry['_id'] !== null
  if (!isToBe || isDryRun) {
    return !(await isAsRead(db, project, document._id, edited)) ? 'skipped' : isToBe ? 'mended' : 'left'
  }
  try {
    return (await applyEdit(db, project, document, RESET, edited)) ? 'mended' : 'skipped'
  } catch (error) {
    if (!(error instanceof MongoServerError) || isPassing(error)) throw error
    return 'refused'
  }
}

/**
 * Nothing is sent over what was published, and of several files of one name a person has to say which is meant. What no other site has stays
 * on record: nobody could send it again. A resend needs a site that has it at this moment.
 */
function mends(how: Mend, file: ComparedFile, finding: Finding, others: Elsewhere): boolean {
  if (how === 'report' || finding === 'duplicated') return false
  if (file.isOriginal && finding !== 'missing') return false
  return how === 'reset' ? others !== 'nowhere' : others === 'there'
}

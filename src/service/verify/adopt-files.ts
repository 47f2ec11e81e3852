import { alternativesOf } from '../../model/alternatives.ts'
import { isChosen, takesRecordOf } from '../../model/record-edit.ts'
import type { Selection } from '../../model/selection.ts'
import { readSites } from '../../model/site-record.ts'
import { adoptedWriter, type AdoptedResult, type Adopted } from '../../streams/adopted-writer.ts'
import { isAsRead } from '../../streams/edit-update.ts'
import { lookAtSite } from './look-at-site.ts'
import { aboutItem, atOnce, subjectOf, walk, type Item, type WalkParts } from './walk.ts'

/** Why a file was not adopted. */
export interface NotAdopted {
  readonly project: string
  readonly representation: string
  readonly path: string
  readonly site: string
  readonly finding: 'missing' | 'different' | 'alone' | 'unreachable' | 'refused'
  readonly why: string
}

export interface AdoptCounts {
  /** Files of the selection without a `created_dt` of the site: they were looked at. */
  looked: number
  /** Records that were marked, or would be. */
  adopted: number
  /** Representations that they are in. */
  representations: number
  missing: number
  /** There with other content than at another site, or several times. */
  different: number
  /** There, but no other site has it to compare it with. */
  alone: number
  /** The site, or every other that has the file, did not answer: nothing is known. */
  unreachable: number
  /** Files in documents that changed meanwhile: left as they are. */
  skipped: number
  /** Records that the server did not take. */
  refused: number
}

export interface AdoptParts extends WalkParts {
  readonly selection: Selection & { readonly site: string }
  readonly isDryRun: boolean
  /** Called for each file that was looked at. */
  readonly progress?: (counts: Readonly<AdoptCounts>) => void
}

export const noAdoptCounts = (): AdoptCounts => ({
  looked: 0,
  adopted: 0,
  representations: 0,
  missing: 0,
  different: 0,
  alone: 0,
  unreachable: 0,
  skipped: 0,
  refused: 0,
})

/**
 * Marks the selected files that are at the site already, with the content that they have elsewhere, without sending anything; gives those
 * that are not. What has a `created_dt` is not looked at. What was marked when it is told to end stays so.
 */
export async function* adoptFiles(parts: AdoptParts, counts: AdoptCounts): AsyncGenerator<NotAdopted> {
  const trouble = new Map<string, string>()
  const adoptedIn = new WeakSet<object>()
  const write = parts.isDryRun ? wouldWrite(parts) : adoptedWriter(parts.db)
  const work = async (item: Item): Promise<NotAdopted | undefined> => {
    const found = await adoptFile(parts, { item, trouble, write })
    counts.looked++
    if (typeof found === 'object') counts[found.finding]++
    else if (found !== undefined) counts[found]++
    if (found !== 'adopted') return typeof found === 'object' ? found : undefined
    if (!adoptedIn.has(item.document)) counts.representations++
    adoptedIn.add(item.document)
    return undefined
  }
  for await (const found of atOnce(filesOpen(parts), work, parts.signal)) {
    parts.progress?.(counts)
    if (found) yield found
  }
}

/** The files of the selection that are not marked: those with a record that fits it and, where it says nothing of records, those without. */
function filesOpen(parts: AdoptParts): AsyncGenerator<Item, undefined> {
  const { selection } = parts
  const mayBeNew = selection.states === undefined && selection.error === undefined
  return walk(parts, ({ sites }, site, { retryCount }) => {
    const records = readSites(sites).records.get(site) ?? []
    if (records.length === 0) return mayBeNew && takesRecordOf(sites, site)
    return !records.some(({ created }) => created) && records.some((record) => isChosen(record, { selection, retryCount }))
  })
}

interface One {
  readonly item: Item
  readonly trouble: Map<string, string>
  readonly write: (adopted: Adopted) => Promise<AdoptedResult>
}

async function adoptFile(parts: AdoptParts, { item, trouble, write }: One): Promise<NotAdopted | 'adopted' | 'skipped'> {
  const { project, document, entry, site, settings } = item
  const not = (finding: NotAdopted['finding'], why: string): NotAdopted => ({ ...aboutItem(item), finding, why })
  // Files are found by their ids.
  if (entry['_id'] === undefined || entry['_id'] === null) return not('refused', 'its file entry has no _id')
  const file = subjectOf(item, parts.misconfigured)
  if (typeof file === 'string') return not('unreachable', file)
  const look = await lookAtSite({ ...parts, trouble }, file, entry['size'])
  if (look.kind === 'unknown') return not('unreachable', look.why)
  if (look.kind === 'alone') return not('alone', 'it is there, and no other site has it to compare it with')
  if (look.kind === 'wrong') return not(look.finding === 'missing' ? 'missing' : 'different', look.why)
  const alternatives = alternativesOf(settings, site)
  const result = await write({ project, representationId: document._id, entry, site, id: look.id, alternatives })
  return result === 'refused' ? not('refused', 'MongoDB does not take it') : result
}

/** Says what would become of it. */
function wouldWrite({ db }: AdoptParts): One['write'] {
  return async ({ project, representationId, entry, site }) => {
    const edited = { site, shape: readSites(entry['sites']).shape, fileIds: [entry['_id']], entries: [entry], created: 0 }
    return (await isAsRead(db, project, representationId, edited)) ? 'adopted' : 'skipped'
  }
}

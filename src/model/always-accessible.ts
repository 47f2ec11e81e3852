import { fileEntries, isPlain, type RepresentationDocument } from './document.ts'
import { ADD, editedFiles, type EditedFiles } from './record-edit.ts'
import type { ProjectSettings } from './settings.ts'
import { readSites } from './site-record.ts'
import { targetSites } from './verdict.ts'

/** The skeletons that a new representation of the publish site lacks: none for a site of which one of its files has a record. */
export function missingSkeletons(document: RepresentationDocument, settings: ProjectSettings): readonly EditedFiles[] {
  const { publishSite, alwaysAccessibleOn = [], retryCount } = settings
  if (document.type !== 'representation' || targetSites(settings).length === 0) return []
  const files = fileEntries(document)
  const records = files.map((entry) => readSites(entry['sites']).records)
  const published = files.filter((_entry, at) => records[at]?.has(publishSite))
  return [...new Set(alwaysAccessibleOn)]
    .filter((site) => !records.some((each) => each.has(site)))
    .flatMap((site) => editedFiles(published, ADD, { selection: { site }, sites: [], retryCount }))
}

/** The document as it will be with these skeletons. */
export function withSkeletons(document: RepresentationDocument, missing: readonly EditedFiles[]): RepresentationDocument {
  if (missing.length === 0 || !Array.isArray(document.files)) return document
  const files = (document.files as readonly unknown[]).map((entry) => {
    const added = missing.filter(({ entries }) => entries.some((each) => each === entry)).map(({ site }) => site)
    return isPlain(entry) && added.length > 0 ? { ...entry, sites: withRecords(entry['sites'], added) } : entry
  })
  return { ...document, files }
}

function withRecords(sites: unknown, names: readonly string[]): unknown {
  if (isPlain(sites)) return Object.fromEntries([...Object.entries(sites), ...names.map((name) => [name, {}])])
  return [...(Array.isArray(sites) ? (sites as readonly unknown[]) : []), ...names.map((name) => ({ name }))]
}

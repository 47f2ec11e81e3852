import { fileEntries, type RepresentationDocument } from './document.ts'
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

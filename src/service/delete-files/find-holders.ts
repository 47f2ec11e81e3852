import { SyncError } from '../../errors.ts'
import { alternativesOf } from '../../model/alternatives.ts'
import { fileEntries, idPlain, idText, isPlain, type Plain, type RepresentationDocument } from '../../model/document.ts'
import type { ProjectSettings } from '../../model/settings.ts'
import type { Site } from '../../model/site.ts'
import { orError, placeAt, projectSites } from '../../model/sources.ts'
import { representationsWithPath } from '../../streams/entries-by-path.ts'
import type { ProjectRoots } from '../../streams/project-roots.ts'
import { collectionNames } from '../../streams/scan.ts'
import { entryKey, type DeleteParts, type Target } from './parts.ts'
import type { RootIdentities } from './root-identities.ts'

export interface HolderParts extends Pick<DeleteParts, 'db' | 'site' | 'signal'> {
  readonly roots: ProjectRoots
  readonly identities: RootIdentities
  /** Is the record of the site that this file entry had let go? */
  readonly isLetGo: (entry: string) => boolean
}

/**
 * Which targets another file entry has at the same place, of any representation and project, and by any site that leads there; in words.
 * The records of the site itself that are let go do not count. Reads each collection that may hold such a path once.
 */
export async function findHolders(parts: HolderParts, targets: readonly Target[]): Promise<ReadonlyMap<Target, string>> {
  const { db, roots, signal } = parts
  const byKey = new Map<string, Target>()
  for (const target of targets) for (const key of await parts.identities.keysOf(target.site, target.place)) byKey.set(key, target)
  const held = new Map<Target, string>()
  if (targets.length === 0) return held
  for (const project of await collectionNames(db)) {
    await roots.prepare(project)
    const own = roots.settingsOf(project)
    const names = namesAt(own, parts.site, targets[0]?.site.provider)
    const paths = await pathsIn(parts, own, names, targets)
    for await (const document of representationsWithPath(db, project, paths, { sites: [...projectSites(own), ...names], signal })) {
      for (const entry of fileEntries(document)) await note(parts, { project, own, document, entry, names }, byKey, held)
    }
  }
  return held
}

/** The sites of a project whose records may be about files of this storage. */
function namesAt(own: ProjectSettings, site: string, provider: string | undefined): readonly string[] {
  const ofProvider = projectSites(own).filter((name) => (own.sites.get(name)?.provider ?? 'local_drive') === provider)
  return [...new Set([site, ...alternativesOf(own, site), ...ofProvider])]
}

/** How documents of this project may write the paths of the targets. */
async function pathsIn(
  { identities }: HolderParts,
  own: ProjectSettings,
  names: readonly string[],
  targets: readonly Target[],
): Promise<readonly string[]> {
  const texts = new Set<string>()
  const add = (text: string): void => [text, text.normalize('NFC'), text.normalize('NFD')].forEach((each) => void texts.add(each))
  for (const { site, place, items } of targets) {
    for (const { path } of items) add(path)
    const id = await identities.of(site, place.root)
    for (const other of names.flatMap((name) => own.sites.get(name) ?? [])) {
      for (const [token, root] of tokensOf(other)) {
        if ((await identities.of(other, root)) === id) add(`${token}/${place.path}`)
        const below = belowOf(root, `${place.root.replace(/\/+$/, '')}/${place.path}`)
        if (below !== undefined) add(`${token}/${below}`)
      }
    }
  }
  return [...texts]
}

function tokensOf({ root }: Site): readonly (readonly [string, string])[] {
  return typeof root === 'string' ? [['{root}', root]] : [...root].map(([name, path]) => [`{root[${name}]}`, path] as const)
}

function belowOf(root: string, whole: string): string | undefined {
  const folder = `${root.replace(/\/+$/, '')}/`
  return whole.startsWith(folder) ? whole.slice(folder.length) : undefined
}

interface Asked {
  readonly project: string
  readonly own: ProjectSettings
  readonly document: RepresentationDocument
  readonly entry: Plain
  readonly names: readonly string[]
}

async function note(parts: HolderParts, asked: Asked, byKey: ReadonlyMap<string, Target>, held: Map<Target, string>): Promise<void> {
  const { project, own, document, entry, names } = asked
  const { path, sites } = entry
  if (typeof path !== 'string') return
  const isLetGo = parts.isLetGo(entryKey(project, idText(document._id), idText(entry['_id'])))
  for (const name of names) {
    if (name === parts.site && isLetGo) continue
    if (!saysOf(sites, name) && !(name === own.publishSite && !isLetGo)) continue
    for (const key of await keysAt(parts, asked, path, name)) {
      const target = byKey.get(key)
      if (target !== undefined && !held.has(target)) {
        const record = saysOf(sites, name) ? `has a record of ${name}` : `has no record of ${name}, so that the file there counts`
        held.set(target, `${project}: ${idPlain(document._id)} ${record} at the same place`)
      }
    }
  }
}

/** Is there anything in the place of a record, be it one that nobody can read? */
function saysOf(sites: unknown, name: string): boolean {
  if (sites === undefined || sites === null) return false
  if (Array.isArray(sites)) return sites.some((record) => record === name || (isPlain(record) && record['name'] === name))
  return !isPlain(sites) || Object.hasOwn(sites, name)
}

async function keysAt({ identities, site }: HolderParts, asked: Asked, path: string, name: string): Promise<readonly string[]> {
  const { own: settings, document } = asked
  const keys: string[] = []
  // An alternative is the same storage, be it declared with other roots or not at all.
  const names = alternativesOf(settings, site).includes(name) ? [name, site] : [name]
  for (const each of names) {
    const found = orError(() => placeAt({ document, settings }, path, each))
    if (found !== undefined && !(found instanceof SyncError)) keys.push(...(await identities.keysOf(found.site, found.place)))
  }
  return keys
}

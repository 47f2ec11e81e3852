import { SyncError } from '../errors.ts'
import { alternativesOf } from './alternatives.ts'
import { idText, isPlain, UNREADABLE, type RepresentationDocument } from './document.ts'
import { idFault } from './id-fault.ts'
import { remembered } from './remembered.ts'
import { resolvePath } from './root-path.ts'
import type { ProjectSettings } from './settings.ts'
import type { Site } from './site.ts'
import { DEFAULT_PRIORITY, readSites, typeName, type Shape, type SiteRecord, type SiteRecords } from './site-record.ts'
import { orError, ownSites, sourceOf } from './sources.ts'
import { placeKey, rootKey, type Route, type Source, type Transfer } from './transfer.ts'
import { brokenText, isBroken } from './valid-text.ts'

/** Why a file is, or is not, to be sent to a site. */
type VerdictState =
  /** To be sent: `transfer` says how. */
  | 'pending'
  /** `created_dt` is set. */
  | 'synced'
  | 'paused'
  /** `tries` reached `retry_cnt`. */
  | 'exhausted'
  /** The file has no record of this site: nobody asked. */
  | 'no-record'
  /** It is at no site that this instance can read: there is nothing to send yet. */
  | 'no-source'
  /** `tries` is not a number. */
  | 'bad-tries'
  /** The site's provider or credentials can't be used. */
  | 'misconfigured'

export interface Verdict {
  readonly path: string
  readonly fileId: unknown
  readonly site: string
  readonly state: VerdictState
  readonly record: SiteRecord | undefined
  readonly transfer?: Transfer
}

export interface Examination {
  /** One a file and target site, in the order of the document. */
  readonly verdicts: readonly Verdict[]
  /** What could not be read, for people; the rest is served. */
  readonly unreadable: readonly string[]
}

/** Characters. No storage takes longer paths, and what is written about a file must fit into a document of ours. */
const MAX_PATH_LENGTH = 32_767

interface Scope {
  readonly document: RepresentationDocument
  readonly project: string
  readonly settings: ProjectSettings
  readonly targets: readonly Site[]
  readonly misconfigured: ReadonlyMap<string, unknown>
  readonly representationKey: string
}

/**
 * Decides for every file entry and every target site what is to be done. Pure: the same document and settings give the same answer.
 * `misconfigured` names the sites that can't be used at all.
 */
export function examine(
  document: RepresentationDocument,
  project: string,
  settings: ProjectSettings,
  misconfigured: ReadonlyMap<string, unknown>,
): Examination {
  const fault = document[UNREADABLE]
  if (fault !== undefined) return { verdicts: [], unreadable: [fault] }
  if (document.type !== 'representation' || document.files === undefined || document.files === null) return { verdicts: [], unreadable: [] }
  if (!Array.isArray(document.files)) return { verdicts: [], unreadable: [`files is ${typeName(document.files)}`] }
  const wrongId = idFault(document._id)
  if (wrongId !== undefined) return { verdicts: [], unreadable: [`its _id ${wrongId}`] }
  const scope: Scope = {
    document,
    project,
    settings,
    targets: targetSites(settings),
    misconfigured,
    representationKey: `${project}/${idText(document._id)}`,
  }
  const verdicts: Verdict[] = []
  const unreadable: string[] = []
  const { files: _files, ...rest } = document
  const broken = brokenText(rest, '')
  if (broken !== undefined) unreadable.push(`${broken} is not valid UTF-8`)
  for (const [index, entry] of document.files.entries()) examineFile(scope, index, entry, verdicts, unreadable)
  return { verdicts, unreadable }
}

/** Every configured site that this instance serves, its own ones last; none while syncing is off. */
export const targetSites = remembered((settings: ProjectSettings): readonly Site[] => {
  const { enabled, publishSite, remoteSite, sites, skipped, notServed } = settings
  if (!enabled || remoteSite === '' || remoteSite === publishSite) return []
  // Nothing can be read here.
  if (skipped?.get(publishSite)?.documentsServe === false) return []
  if ([...sites.keys()].every((name) => name === publishSite)) return []
  const own = ownSites(settings)
  const served = [...sites.values()].filter(({ name }) => notServed?.has(name) !== true)
  return [...served.filter(({ name }) => !own.includes(name)), ...served.filter(({ name }) => own.includes(name))]
})

/** The sites whose records decide anything: without all others the same is done. */
export function countingSites({ publishSite, sites, alwaysAccessibleOn = [] }: ProjectSettings): readonly string[] {
  return [...new Set([publishSite, ...sites.keys(), ...alwaysAccessibleOn])]
}

function examineFile(scope: Scope, index: number, entry: unknown, verdicts: Verdict[], unreadable: string[]): void {
  const where = `files.${index}`
  if (!isPlain(entry)) return void unreadable.push(`${where} is ${typeName(entry)}`)
  const { _id: fileId, path } = entry
  const sites = readSites(entry['sites'])
  unreadable.push(...summarise(sites.unreadable).map((what) => `${where}.${what}`))
  if (sites.records.size === 0) return
  if (fileId === undefined || fileId === null) return void unreadable.push(`${where} has no _id`)
  const wrongId = idFault(fileId)
  if (wrongId !== undefined) return void unreadable.push(`${where}._id ${wrongId}`)
  if (typeof path !== 'string') return void unreadable.push(`${where}.path is ${path === undefined ? 'missing' : typeName(path)}`)
  if (isBroken(path)) return void unreadable.push(`${where}.path is not valid UTF-8`)
  if (path.length > MAX_PATH_LENGTH) return void unreadable.push(`${where}.path has ${path.length} characters`)
  const file = {
    fileId,
    fileKey: `${scope.representationKey}/${idText(fileId)}/${path}`,
    path,
    size: sizeOf(entry['size']),
    sites,
    where,
  }
  const judged = scope.targets.filter((target) => isConcerned(scope, file, target)).map((target) => judge(scope, file, target, unreadable))
  const isAwaited = judged.some(({ state }) => state === 'no-source')
  for (const verdict of judged) {
    const { transfer } = verdict
    verdicts.push(transfer && isAwaited ? { ...verdict, transfer: { ...transfer, isAwaited } } : verdict)
  }
}

/** The own sites of an instance are where its files come from: of them no more is said than that one of them asks for a file. */
function isConcerned({ settings }: Scope, { sites }: File, { name }: Site): boolean {
  return !ownSites(settings).includes(name) || sites.records.get(name)?.some(({ created }) => !created) === true
}

function sizeOf(size: unknown): number | undefined {
  return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : undefined
}

/** A very old document holds nothing but strings; one remark says it for all of them. */
function summarise(unreadable: readonly string[]): readonly string[] {
  if (unreadable.length <= 3) return unreadable
  return [...unreadable.slice(0, 2), `sites: ${unreadable.length - 2} more of this kind`]
}

interface File {
  readonly fileId: unknown
  readonly fileKey: string
  readonly path: string
  readonly size: number | undefined
  readonly sites: SiteRecords
  readonly where: string
}

function judge(scope: Scope, file: File, target: Site, unreadable: string[]): Verdict {
  const { retryCount } = scope.settings
  const records = file.sites.records.get(target.name) ?? []
  const open = records.filter(({ created }) => !created)
  const verdict = (state: VerdictState, record: SiteRecord | undefined): Verdict => ({
    path: file.path,
    fileId: file.fileId,
    site: target.name,
    state,
    record,
  })
  const due = open.find(({ paused, tries }) => !paused && tries !== undefined && tries < retryCount)
  for (const { tries, snapshot } of open) {
    if (tries === undefined)
      unreadable.push(`${file.where}.sites ${JSON.stringify(target.name)}: tries is ${typeName(snapshot.tries)}, not a number`)
  }
  if (records.length === 0) return verdict('no-record', undefined)
  if (open.length === 0) return verdict('synced', records[0])
  if (!due) {
    const [first] = open
    if (first?.paused === true) return verdict('paused', first)
    return verdict(first?.tries === undefined ? 'bad-tries' : 'exhausted', first)
  }
  if (scope.misconfigured.has(target.name)) return verdict('misconfigured', due)
  const sources = sourceOf(scope, file, target.name)
  if (!sources) return verdict('no-source', due)
  const route = sources instanceof SyncError ? { error: sources } : routeOf(file, sources, target)
  return { ...verdict('pending', due), transfer: plan(scope, file, route, target, due, file.sites.shape) }
}

function plan(scope: Scope, file: File, route: Route, target: Site, record: SiteRecord, shape: Shape): Transfer {
  const { project, representationKey } = scope
  const key = `${file.fileKey}/${target.name}`
  const alternatives = alternativesOf(scope.settings, target.name)
  const alsoMarked = alternatives.filter((name) => file.sites.records.get(name)?.some(({ created }) => !created))
  const place = 'error' in route ? key : placeKey(rootKey(target.name, route.target.root), route.target.path)
  return {
    key,
    targetKey: place,
    representationKey,
    project,
    representationId: scope.document._id,
    fileId: file.fileId,
    path: file.path,
    site: target.name,
    shape,
    ...(alternatives.length > 0 && { alternatives }),
    ...(alsoMarked.length > 0 && { alsoMarked }),
    snapshot: record.snapshot,
    priority: record.priority ?? sourcePriority(route, file) ?? DEFAULT_PRIORITY,
    tries: record.tries ?? 0,
    lastFailed: record.lastFailed,
    size: file.size,
    route,
  }
}

/** People set it where the file is. */
function sourcePriority(route: Route, { sites }: File): number | undefined {
  if ('error' in route) return undefined
  return sites.records.get(route.sourceSite.name)?.find(({ priority }) => priority !== undefined)?.priority
}

function routeOf(file: File, [first, ...otherSources]: readonly [Source, ...Source[]], targetSite: Site): Route {
  const target = orError(() => resolvePath(file.path, targetSite.root, targetSite.name))
  if (target instanceof SyncError) return { error: target }
  return { ...first, target, targetSite, ...(otherSources.length > 0 && { otherSources }) }
}

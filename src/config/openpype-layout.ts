import type { Main, RawSite } from './layout.ts'
import { mergeSite } from './merge-site.ts'
import { LEFT_OUT, type KeyOf, type Problems } from './problems.ts'
import { syncServerOf, type FoundParts, type PartName, type SyncServer } from './openpype-parts.ts'
import { isRawObject, rawObject, type RawObject } from './read-json.ts'
import { warnOfUnknownKeys } from './unknown-keys.ts'

/** Where publishes are unless somebody says otherwise; always there in OpenPype. */
const STUDIO = 'studio'

/** Both parts as one configuration. What `main` says beside them counts more: somebody wrote it for this service. */
export function joinParts(main: Main, found: FoundParts, problems: Problems): Main {
  const system = partOf('system', found, problems)
  const project = partOf('project', found, problems)
  if (!system || !project) return main
  warnOfUnknownKeys(system.value, ['enabled', 'sites'], system.keyOf, problems)
  warnOfUnknownKeys(project.value, ['enabled', 'config', 'sites'], project.keyOf, problems)

  const places = new Map<PropertyKey, KeyOf>()
  const general = rawObject([['remote_site', STUDIO]])
  places.set('remote_site', leftOut(project, ['config', 'remote_site']))
  for (const [key, value] of Object.entries(objectIn(project, 'config', 'an object: how the project is synced', problems))) {
    const known = key === 'active_site' ? 'publish_site' : key
    general[known] = value
    places.set(known, (path) => project.keyOf(['config', key, ...path]))
  }
  for (const [key, value] of Object.entries(main.general)) {
    general[key] = value
    places.set(key, (path) => main.keyOf([key, ...path]))
  }
  enable(general, places, [system, project])
  if (project.project !== undefined) general['projects'] = onlyFor(project.project, general['projects'])

  const implied = new Set([STUDIO, general['local_id']])
  const sites = joinSites(system, project, implied, problems)
  for (const [name, own] of main.sites) sites.set(name, mergeSite(sites.get(name), own))
  const keyOf: KeyOf = (path) => places.get(path[0] ?? '')?.(path.slice(1)) ?? main.keyOf(path)
  return { general, keyOf, isLegacy: true, rootsFromProject: true, sites }
}

function partOf(name: PartName, found: FoundParts, problems: Problems): SyncServer | undefined {
  const part = found[name]
  if (part) return syncServerOf(name, part, problems)
  const where = `below "${name}" in the same file, or in a file of their own in the folder; {} where nothing is overridden`
  problems.add(name, undefined, `OpenPype's ${name} settings beside its ${name === 'system' ? 'project' : 'system'} settings: ${where}`)
  return undefined
}

/** Syncing is on where both parts say so, and nobody else says it is not. */
function enable(general: RawObject, places: Map<PropertyKey, KeyOf>, parts: readonly SyncServer[]): void {
  if (general['enabled'] !== undefined && general['enabled'] !== true) return
  general['enabled'] = true
  const off = parts.find(({ value }) => value['enabled'] !== true)
  if (!off) return
  const said = off.value['enabled']
  general['enabled'] = said ?? false
  places.set('enabled', said === undefined ? leftOut(off, ['enabled']) : (path) => off.keyOf(['enabled', ...path]))
}

/** Settings of one project are no other's, unless `include` says whose they are. */
function onlyFor(project: string, projects: unknown): unknown {
  if (projects !== undefined && !isRawObject(projects)) return projects
  return rawObject([['include', [project]], ...Object.entries(projects ?? {})])
}

function joinSites(system: SyncServer, project: SyncServer, implied: ReadonlySet<unknown>, problems: Problems): Map<string, RawSite> {
  const expected = 'an object: a site for each name'
  const known = objectIn(system, 'sites', expected, problems)
  const used = objectIn(project, 'sites', expected, problems)
  const names = new Set([...Object.keys(known), ...Object.keys(used)])
  return new Map(Array.from(names, (name) => [name, joinSite(name, { system, project }, known[name], used[name], implied.has(name))]))
}

/** Only a project enables a site, and only the system knows its provider. */
function joinSite(
  name: string,
  { system, project }: Record<PartName, SyncServer>,
  known: unknown,
  used: unknown,
  isImplied: boolean,
): RawSite {
  const inSystem: KeyOf = (path) => system.keyOf(['sites', name, ...path])
  const inProject: KeyOf = (path) => project.keyOf(['sites', name, ...path])
  if (known !== undefined && !isRawObject(known)) return { value: known, keyOf: inSystem }
  if (used !== undefined && !isRawObject(used)) return { value: used, keyOf: inProject }
  const { enabled: _, ...general } = known ?? {}
  const own = used ?? {}
  const isOff = !isImplied && (own['enabled'] ?? undefined) === undefined
  const provider = inSystem(['provider'])
  return {
    value: rawObject([...Object.entries(general), ...Object.entries(own), ...(isOff ? [['enabled', false] as const] : [])]),
    keyOf: (path) => {
      const [key = ''] = path
      if (isOff && key === 'enabled') return inProject(path) + LEFT_OUT
      return key === 'provider' || (key in general && !(key in own)) ? inSystem(path) : inProject(path)
    },
    withoutProvider: `site ${name} has no provider: name it in OpenPype's system settings (${provider})`,
  }
}

function objectIn({ value, keyOf }: SyncServer, key: 'config' | 'sites', expected: string, problems: Problems): RawObject {
  const inner = value[key]
  if (isRawObject(inner)) return inner
  if (inner !== undefined && inner !== null) problems.add(keyOf([key]), inner, expected)
  return rawObject([])
}

const leftOut =
  ({ keyOf }: SyncServer, at: readonly string[]): KeyOf =>
  () =>
    keyOf(at) + LEFT_OUT

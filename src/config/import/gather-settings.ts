import { storedPart, syncServerOf, takeParts, type PartName } from '../openpype-parts.ts'
import { Problems } from '../problems.ts'
import { isRawObject, numberIn, rawObject, type RawObject } from '../read-json.ts'
import { compareVersions } from './versions.ts'

/** What OpenPype's settings say of syncing: overrides only. */
export interface GatheredSettings {
  readonly system: RawObject | undefined
  /** Of all projects that do not say otherwise. */
  readonly defaults: RawObject | undefined
  readonly projects: ReadonlyMap<string, RawObject>
  readonly notes: readonly string[]
}

interface Stored {
  readonly part: PartName
  /** Undefined: everybody's. */
  readonly project: string | undefined
  readonly version: unknown
  readonly value: RawObject
}

/** Of documents as the database holds them, of both parts below their names, or of the legacy settings; the newest version of each counts. */
export function gatherSettings(values: readonly unknown[]): GatheredSettings {
  const problems = new Problems()
  const notes: string[] = []
  const found = values.map(plain).flatMap((value, index) => storedIn(value, index, problems, notes))
  const newest = new Map<string, Stored>()
  for (const each of found) {
    const key = JSON.stringify([each.part, each.project ?? null])
    const known = newest.get(key)
    if (!known || compareVersions(each.version, known.version) > 0) newest.set(key, each)
  }
  const older = found.length - newest.size
  if (older > 0) notes.push(`${older} older ${older === 1 ? 'version' : 'versions'} of the settings: the newest of each counts`)
  const all = [...newest.values()]
  const projects = all.flatMap(({ part, project, value }) =>
    part === 'project' && project !== undefined ? [[project, value] as const] : [],
  )
  for (const { key, expected } of problems.problems) notes.push(`${key} is not carried over: it is not ${expected}`)
  return {
    system: all.find(({ part }) => part === 'system')?.value,
    defaults: all.find(({ part, project }) => part === 'project' && project === undefined)?.value,
    projects: new Map(projects.toSorted(([a], [b]) => a.localeCompare(b, 'en'))),
    notes,
  }
}

function storedIn(value: unknown, index: number, problems: Problems, notes: string[]): readonly Stored[] {
  if (!isRawObject(value)) return []
  const { parts, rest } = takeParts(value, '', { isBareAllowed: false })
  const stored = (['system', 'project'] as const).flatMap((part): Stored[] => {
    const given = parts[part]
    const server = given && syncServerOf(part, given, problems)
    if (!server) return []
    const version = isRawObject(given.value) ? given.value['version'] : undefined
    return [{ part, project: server.project, version, value: server.value }]
  })
  if (stored.length > 0 || storedPart(value) !== undefined) return stored
  if (isRawObject(rest['config'])) return legacy(rest, notes)
  notes.push(`${index === 0 ? 'the file' : `entry ${index + 1}`} holds no settings of the sync server`)
  return []
}

const ofSystem = (key: string): boolean => key === 'provider' || key === 'alternative_sites'

/** The settings of one file: what both parts say. Sites are used unless they say otherwise. */
function legacy({ enabled = true, config, sites, ...rest }: RawObject, notes: string[]): readonly Stored[] {
  const declared = isRawObject(sites) ? Object.entries(sites).filter((entry): entry is [string, RawObject] => isRawObject(entry[1])) : []
  const others = Object.keys(rest).filter((key) => key !== '$schema')
  if (others.length > 0) notes.push(`not carried over, since it is no part of the legacy settings: ${others.join(', ')}`)
  const pick = (isOwn: (key: string) => boolean, more: readonly (readonly [string, unknown])[] = []): RawObject =>
    rawObject(declared.map(([name, site]) => [name, rawObject([...more, ...Object.entries(site).filter(([key]) => isOwn(key))])]))
  const system = rawObject([
    ['enabled', enabled],
    ['sites', pick(ofSystem)],
  ])
  const project = rawObject([
    ['enabled', enabled],
    ['config', config],
    ['sites', pick((key) => !ofSystem(key), [['enabled', true]])],
  ])
  return [
    { part: 'system', project: undefined, version: undefined, value: system },
    { part: 'project', project: undefined, version: undefined, value: project },
  ]
}

/** Objects without a prototype, numbers as numbers. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!isRawObject(value) || value instanceof Date) return value
  const object = rawObject(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  return numberIn(object) ?? object
}

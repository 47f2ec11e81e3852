import { basename } from 'node:path'

import { formatKey, type KeyOf, type Problems } from './problems.ts'
import { isRawObject, rawObject, type RawObject } from './read-json.ts'

/** OpenPype keeps its settings in two: what providers there are in the system's, everything else in the project's. */
export type PartName = 'system' | 'project'

/** A part where it was found: the whole stored document, or what is in it. */
export interface FoundPart {
  readonly value: unknown
  /** Names a place inside it. */
  readonly keyOf: KeyOf
  /** What holds it, for people. */
  readonly place: string
}

export type FoundParts = Partial<Record<PartName, FoundPart>>

/** Only the `sync_server` of a part. */
export interface SyncServer {
  readonly value: RawObject
  readonly keyOf: KeyOf
  /** The only project that the settings are of; undefined: they are everybody's, or do not say. */
  readonly project?: string
}

const PARTS: readonly PartName[] = ['system', 'project']
/** What `sync_server` stands below, in a stored document. */
const ABOVE: Readonly<Record<PartName, string>> = { system: 'modules', project: 'global' }
const SYNC_SERVER = ['enabled', 'config', 'sites']

/** Whatever else a file is: does it hold a part, or both of them below their names? What is left of it is returned too. */
export function takeParts(raw: RawObject, file: string, { isBareAllowed }: { readonly isBareAllowed: boolean }) {
  const inFile = file === '' ? '' : `${file}: `
  const whole = storedPart(raw) ?? (isBareAllowed ? barePart(raw, file) : undefined)
  if (whole) {
    const part = { value: raw, keyOf: (path) => inFile + formatKey(path), place: file } satisfies FoundPart
    return { parts: { [whole]: part } as FoundParts, rest: rawObject([]) }
  }
  if (!PARTS.some((name) => isRawObject(raw[name]) && !isSite(raw[name]))) return { parts: {}, rest: raw }
  const found = PARTS.filter((name) => name in raw).map((name): [PartName, FoundPart] => [
    name,
    { value: raw[name], keyOf: (path) => inFile + formatKey([name, ...path]), place: `${inFile}${name}` },
  ])
  const rest = rawObject(Object.entries(raw).filter(([key]) => !found.some(([name]) => name === key)))
  return { parts: Object.fromEntries(found) as FoundParts, rest }
}

/** What the service reads of a part. Problems are noted; `undefined` when it can't be read. */
export function syncServerOf(name: PartName, { value: part, keyOf }: FoundPart, problems: Problems): SyncServer | undefined {
  const expected = `OpenPype's ${name} settings: the stored document, its "data", or the "sync_server" in it`
  const kind = isRawObject(part) ? storedPart(part) : undefined
  if (!isRawObject(part) || (kind !== undefined && kind !== name)) {
    problems.add(keyOf([]), kind === undefined ? part : `the ${kind} settings`, expected)
    return undefined
  }
  let value = part
  const path: string[] = []
  for (const key of ['data', ABOVE[name], 'sync_server']) {
    const inner = value[key]
    if (inner === undefined) continue
    path.push(key)
    if (!isRawObject(inner)) {
      problems.add(keyOf(path), inner, `an object: ${expected}`)
      return undefined
    }
    value = inner
  }
  // The document of a studio that changed nothing about syncing holds none of it.
  const isAbsent = (kind !== undefined || path.length > 0) && path.at(-1) !== 'sync_server'
  const project = part['is_default'] !== true && typeof part['project_name'] === 'string' ? part['project_name'] : ''
  return {
    value: isAbsent ? rawObject([]) : value,
    keyOf: (below) => keyOf([...path, ...(isAbsent ? ['sync_server'] : []), ...below]),
    ...(project !== '' && { project }),
  }
}

/** Told by the type of the document, or by what `sync_server` stands below. */
export function storedPart(raw: RawObject): PartName | undefined {
  const type = raw['type']
  const typed = typeof type === 'string' ? PARTS.find((name) => type.startsWith(`${name}_settings`)) : undefined
  if (typed) return typed
  const data = isRawObject(raw['data']) ? raw['data'] : raw
  return PARTS.find((name) => {
    const above = data[ABOVE[name]]
    return isRawObject(above) && 'sync_server' in above
  })
}

/** Told by the keys of `sync_server` itself; where they would do for either, by the file's name. */
function barePart(raw: RawObject, file: string): PartName | undefined {
  const { $schema: _, ...rest } = raw
  const keys = Object.keys(rest)
  if (keys.length === 0 || keys.some((key) => !SYNC_SERVER.includes(key)) || keys.some((key) => isSite(rest[key]))) return undefined
  if (isRawObject(rest['config'])) return 'project'
  const sites = isRawObject(rest['sites']) ? Object.values(rest['sites']).filter(isRawObject) : []
  const tell = (...those: readonly string[]): boolean => sites.some((site) => those.some((key) => key in site))
  if (tell('provider', 'alternative_sites')) return 'system'
  if (tell('enabled', 'root', 'credentials_url')) return 'project'
  return PARTS.find((name) => basename(file).includes(name))
}

/** Sites may be called as anything here is. */
function isSite(value: unknown): boolean {
  return isRawObject(value) && ('provider' in value || 'root' in value)
}

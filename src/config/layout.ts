import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import { formatKey, Problems, type KeyOf } from './problems.ts'
import { gatherParts, partsOfFile, sitesOfParts } from './openpype-files.ts'
import { joinParts } from './openpype-layout.ts'
import { takeParts, type FoundParts } from './openpype-parts.ts'
import { isRawObject, rawObject, readJson, type RawObject } from './read-json.ts'

export interface RawSite {
  readonly value: unknown
  /** Names a place inside the site. */
  readonly keyOf: KeyOf
  /** Where another than the own site may lack its provider: what is then said about it. */
  readonly withoutProvider?: string
}

/** What the files say, whichever way they are laid out; nothing is checked yet. */
export interface RawConfig {
  /** The general keys; those of the legacy layout under their present names. */
  readonly general: RawObject
  readonly keyOf: KeyOf
  readonly isLegacy: boolean
  /** The root of a publish site that has none here stands in each project's own document. */
  readonly rootsFromProject: boolean
  readonly sites: ReadonlyMap<string, RawSite>
  /** Absolute; relative paths start here. */
  readonly folder: string
  readonly files: readonly string[]
}

/** What the configuration says, wherever its files are. */
export type Main = Omit<RawConfig, 'folder' | 'files'>

/** Of the folder layout: the file of the general keys. */
export const MAIN = 'config.json'

/** Legacy names of general keys. */
const LEGACY_KEYS: ReadonlyMap<string, string> = new Map([['active_site', 'publish_site']])

/**
 * Reads one file, or a folder of `config.json` and other files. `undefined` when a file can't be read: what it holds would only show
 * up again as missing.
 */
export async function readLayout(path: string, problems: Problems): Promise<RawConfig | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found) {
    problems.add('--config', path, 'a configuration file, or a folder with config.json; nothing is there')
    return undefined
  }
  const absolute = resolve(path)
  return found.isDirectory() ? readFolder(absolute, problems) : readSingle(absolute, problems)
}

async function readSingle(file: string, problems: Problems): Promise<RawConfig | undefined> {
  const raw = await readJson(file, problems)
  if (!raw) return undefined
  const { parts, rest } = takeParts(raw, '', { isBareAllowed: false })
  return { ...withParts(splitMain(rest, '', problems), parts, problems), folder: dirname(file), files: [file] }
}

async function readFolder(folder: string, problems: Problems): Promise<RawConfig | undefined> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  const hasConfig = names.includes(MAIN)
  const others = names.filter((name) => isLayoutFile(name) && name !== MAIN).sort()
  const config = hasConfig ? await readJson(join(folder, MAIN), problems) : undefined
  const contents = await Promise.all(others.map((name) => readOther(folder, name)))
  const { parts, rest } = gatherParts(config ?? rawObject([]), MAIN, contents, problems)
  if (!hasConfig && Object.keys(parts).length === 0) {
    problems.add('--config', folder, "a folder that holds config.json, or OpenPype's system settings and project settings")
    return undefined
  }
  const sitesFiles = contents.filter(({ parts: own }) => !own)
  const credentials = credentialsNames([config?.['sites'], ...sitesFiles.map(({ raw }) => raw), ...sitesOfParts(parts)])
  const main = splitMain(rest, `${MAIN}: `, problems)
  const sites = new Map(main.sites)
  const files = hasConfig ? [join(folder, MAIN)] : []
  for (const { name, raw, parts: own, problems: found, warnings } of contents) {
    const isOther = raw ? !own && (isKeyFile(raw) || (credentials.has(name) && !hasSites(raw))) : credentials.has(name)
    if (isOther) continue
    problems.problems.push(...found)
    problems.warnings.push(...warnings)
    files.push(join(folder, name))
    for (const [site, rawSite] of own || !raw ? [] : sitesIn(raw, `${name}: `, [])) {
      const earlier = sites.get(site)
      if (earlier) problems.add(rawSite.keyOf([]), 'declared twice', `a site of its own name; there is ${earlier.keyOf([])} too`)
      else sites.set(site, rawSite)
    }
  }
  const isComplete = (config || !hasConfig) && contents.every(({ name, raw }) => raw || credentials.has(name))
  return isComplete ? { ...withParts({ ...main, sites }, parts, problems), folder, files } : undefined
}

/** Is a file of that name read, where it lies in the folder? */
export function isLayoutFile(name: string): boolean {
  return name.endsWith('.json') && !name.startsWith('.')
}

/** With mistakes of its own: whether they count is known when all files are read. */
async function readOther(folder: string, name: string) {
  const problems = new Problems()
  const raw = await readJson(join(folder, name), problems)
  const parts = raw && partsOfFile(raw, name)
  return { name, raw, parts, problems: problems.problems, warnings: problems.warnings }
}

/** One part of OpenPype's settings, or both, make all of it theirs. */
function withParts(main: Main, parts: FoundParts, problems: Problems): Main {
  return Object.keys(parts).length > 0 ? joinParts(main, parts, problems) : main
}

/** File names that sites give for their credentials. Such a file beside the configuration holds no sites, and its faults are its site's. */
function credentialsNames(siteMaps: readonly unknown[]): Set<string> {
  const sites = siteMaps.flatMap((map) => (isRawObject(map) ? Object.values(map) : []))
  const paths = sites.flatMap((site) => {
    const path = isRawObject(site) ? site['credentials_url'] : undefined
    return isRawObject(path) ? Object.values(path) : [path]
  })
  return new Set(paths.filter((path) => typeof path === 'string').map((path) => path.split(/[/\\]/).at(-1) ?? ''))
}

/** A file of sites may well be called as the credentials are that it names. */
function hasSites(raw: RawObject): boolean {
  return Object.values(raw).some((site) => isRawObject(site) && ('provider' in site || 'root' in site))
}

/** Parts the main file into general keys and sites, and tells the legacy layout by its `config`. */
function splitMain(raw: RawObject, file: string, problems: Problems): Main {
  const { sites: declared, config, ...rest } = raw
  const isLegacy = isRawObject(config)
  if (config !== undefined && !isLegacy) problems.add(`${file}config`, config, 'an object: the general keys of the legacy settings')
  if (declared !== undefined && !isRawObject(declared)) problems.add(`${file}sites`, declared, 'an object: a site for each name')

  const sites = new Map(isRawObject(declared) ? sitesIn(declared, file, ['sites']) : [])
  const general = rawObject([])
  const places = new Map<PropertyKey, readonly string[]>()
  const addGeneral = (key: string, value: unknown, place: readonly string[]) => {
    const known = isLegacy ? (LEGACY_KEYS.get(key) ?? key) : key
    general[known] = value
    places.set(known, place)
  }
  for (const [key, value] of Object.entries(rest)) {
    if (isRawObject(value) && typeof value['provider'] === 'string' && !sites.has(key)) {
      problems.warn(`${file}${formatKey([key])} is taken for a site; it belongs below "sites"`)
      sites.set(key, { value, keyOf: (path) => file + formatKey([key, ...path]) })
    } else addGeneral(key, value, [key])
  }
  for (const [key, value] of Object.entries(isLegacy ? config : {})) addGeneral(key, value, ['config', key])
  const keyOf: KeyOf = ([first, ...path]) =>
    file + formatKey([...(places.get(first ?? '') ?? (first === undefined ? [] : [first])), ...path])
  return { general, keyOf, isLegacy, rootsFromProject: false, sites }
}

function sitesIn(raw: RawObject, file: string, below: readonly string[]): [string, RawSite][] {
  return Object.entries(raw)
    .filter(([name, value]) => !(name === '$schema' && typeof value === 'string'))
    .map(([name, value]) => [name, { value, keyOf: (path) => file + formatKey([...below, name, ...path]) }])
}

/** Nor does any other key file: one that no site uses now. */
function isKeyFile(raw: RawObject): boolean {
  return ['private_key', 'client_email', 'client_secret', 'refresh_token', 'installed', 'web'].some(
    (key) => typeof raw[key] === 'string' || (isRawObject(raw[key]) && 'client_id' in raw[key]),
  )
}

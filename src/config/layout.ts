import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

import { formatKey, type KeyOf, type Mistakes } from './mistakes.ts'
import { isRawObject, rawObject, readJson, type RawObject } from './read-json.ts'

export interface RawSite {
  readonly value: unknown
  /** Names a place inside the site. */
  readonly keyOf: KeyOf
}

/** What the files say, whichever way they are laid out; nothing is checked yet. */
export interface RawConfig {
  /** The general keys; those of the legacy layout under their present names. */
  readonly general: RawObject
  readonly keyOf: KeyOf
  readonly isLegacy: boolean
  readonly sites: ReadonlyMap<string, RawSite>
  /** Absolute; relative paths start here. */
  readonly folder: string
  readonly files: readonly string[]
}

/** Legacy names of general keys. */
const LEGACY_KEYS: ReadonlyMap<string, string> = new Map([['active_site', 'publish_site']])

/** Reads one file, or a folder of `config.json` and files of sites. `undefined` when there is nothing to go on with. */
export async function readLayout(path: string, mistakes: Mistakes): Promise<RawConfig | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found) {
    mistakes.add('--config', path, 'a configuration file, or a folder with config.json; nothing is there')
    return undefined
  }
  const absolute = resolve(path)
  return found.isDirectory() ? readFolder(absolute, mistakes) : readSingle(absolute, mistakes)
}

async function readSingle(file: string, mistakes: Mistakes): Promise<RawConfig | undefined> {
  const raw = await readJson(file, mistakes)
  if (!raw) return undefined
  const main = splitMain(raw, '', mistakes)
  return { ...main, folder: dirname(file), files: [file] }
}

async function readFolder(folder: string, mistakes: Mistakes): Promise<RawConfig | undefined> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  if (!names.includes('config.json')) {
    mistakes.add('--config', folder, 'a folder that holds config.json')
    return undefined
  }
  const others = names.filter((name) => name.endsWith('.json') && !name.startsWith('.') && name !== 'config.json').sort()
  const files = ['config.json', ...others].map((name) => join(folder, name))
  const contents = await Promise.all(files.map(async (file) => ({ file, raw: await readJson(file, mistakes) })))
  const [config, ...rest] = contents
  if (!config?.raw) return undefined
  const main = splitMain(config.raw, 'config.json: ', mistakes)
  const sites = new Map(main.sites)
  const read = [config.file]
  for (const { file, raw } of rest) {
    if (!raw || isKeyFile(raw)) continue
    read.push(file)
    for (const [name, site] of sitesIn(raw, `${basename(file)}: `, [])) {
      const earlier = sites.get(name)
      if (earlier) mistakes.add(site.keyOf([]), 'declared twice', `a site of its own name; there is ${earlier.keyOf([])} too`)
      else sites.set(name, site)
    }
  }
  return { ...main, sites, folder, files: read }
}

/** Parts the main file into general keys and sites, and tells the legacy layout by its `config`. */
function splitMain(raw: RawObject, file: string, mistakes: Mistakes): Omit<RawConfig, 'folder' | 'files'> {
  const { sites: declared, config, ...rest } = raw
  const isLegacy = isRawObject(config)
  if (config !== undefined && !isLegacy) mistakes.add(`${file}config`, config, 'an object: the general keys of the legacy settings')
  if (declared !== undefined && !isRawObject(declared)) mistakes.add(`${file}sites`, declared, 'an object: a site for each name')

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
      mistakes.warn(`${file}${formatKey([key])} is taken for a site; it belongs below "sites"`)
      sites.set(key, { value, keyOf: (path) => file + formatKey([key, ...path]) })
    } else addGeneral(key, value, [key])
  }
  for (const [key, value] of Object.entries(isLegacy ? config : {})) addGeneral(key, value, ['config', key])
  const keyOf: KeyOf = ([first, ...path]) =>
    file + formatKey([...(places.get(first ?? '') ?? (first === undefined ? [] : [first])), ...path])
  return { general, keyOf, isLegacy, sites }
}

function sitesIn(raw: RawObject, file: string, below: readonly string[]): [string, RawSite][] {
  return Object.entries(raw)
    .filter(([name, value]) => !(name === '$schema' && typeof value === 'string'))
    .map(([name, value]) => [name, { value, keyOf: (path) => file + formatKey([...below, name, ...path]) }])
}

/** A credentials file that lies beside the configuration holds no sites. */
function isKeyFile(raw: RawObject): boolean {
  return ['private_key', 'client_email', 'client_secret', 'refresh_token', 'installed', 'web'].some(
    (key) => typeof raw[key] === 'string' || (isRawObject(raw[key]) && 'client_id' in raw[key]),
  )
}

import { homedir } from 'node:os'
import { posix, win32 } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Root } from '../model/site.ts'
import type { KeyOf, Problems, Path } from './problems.ts'
import { isRawObject } from './read-json.ts'

/** What paths depend on. */
export interface PathContext {
  readonly env: NodeJS.ProcessEnv
  readonly platform: NodeJS.Platform
  /** Relative paths start here. */
  readonly folder: string
  /** The files are the legacy settings. */
  readonly isLegacy: boolean
  /** The publish site's roots may stand in the document of each project. */
  readonly rootsFromProject: boolean
  readonly problems: Problems
}

const OS_NAMES = ['windows', 'linux', 'darwin']
const ROOT = 'a path, a path for each of windows, linux and darwin, or such a path for each root name'

/** One root or several, for this operating system. Those of sites on disk are absolute afterwards; all others are left as they are. */
export function resolveRoot(raw: unknown, isOnDisk: boolean, keyOf: KeyOf, context: PathContext): Root | undefined {
  const resolveOne = (value: unknown, path: Path): string | undefined => {
    const text = pick(value, path, keyOf, context)
    if (typeof text === 'string' && text !== '') return resolvePath(text, isOnDisk, keyOf(path), context)
    if (text !== undefined)
      context.problems.add(keyOf(path), text, path.length > 1 ? 'a path, or a path for each of windows, linux and darwin' : ROOT)
    return undefined
  }
  const own = pick(raw, ['root'], keyOf, context)
  if (!isRawObject(own)) {
    if (own === undefined && raw === undefined) context.problems.add(keyOf(['root']), undefined, ROOT)
    return own === undefined ? undefined : resolveOne(own, ['root'])
  }
  const entries = Object.entries(own)
  if (entries.length === 0) context.problems.add(keyOf(['root']), own, ROOT)
  const roots = entries.map(([name, value]) => [name, resolveOne(value, ['root', name])] as const)
  return new Map(roots.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** The absolute path of the credentials file; whether it is there is seen when the site is opened. */
export function resolveCredentials(raw: unknown, keyOf: KeyOf, context: PathContext): string | undefined {
  const path = ['credentials_url']
  const value = isOsMap(raw) ? raw[osName(context.platform)] : raw
  if (value === undefined || value === null || value === '') return undefined
  const expected = 'a path or a file:// URL, or one for each of windows, linux and darwin'
  if (typeof value !== 'string' || /^(?!file:)[a-z][a-z0-9+.-]+:\/\//i.test(value)) {
    context.problems.add(keyOf(path), value, expected)
    return undefined
  }
  const text = expandEnvironment(value, context.env, (missing) => context.problems.add(keyOf(path), value, missing))
  if (text === undefined || !/^file:/i.test(text)) return text === undefined ? undefined : toAbsolute(text, context)
  try {
    return fileURLToPath(text, { windows: context.platform === 'win32' })
  } catch {
    context.problems.add(keyOf(path), value, expected)
    return undefined
  }
}

/** Replaces `{NAME}` by the environment's value; `undefined` when one is not set (or empty), after telling the names. */
export function expandEnvironment(text: string, env: NodeJS.ProcessEnv, onMissing: (expected: string) => void): string | undefined {
  const missing = new Set<string>()
  const expanded = text.replace(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    if (!env[name]) missing.add(name)
    return env[name] ?? ''
  })
  for (const name of missing) onMissing(`the environment variable ${name}, which is not set`)
  return missing.size > 0 ? undefined : expanded
}

/** Where a map has a path for each operating system: the one that counts here. */
function pick(value: unknown, path: Path, keyOf: KeyOf, { platform, problems }: PathContext): unknown {
  if (!isOsMap(value)) return value
  const name = osName(platform)
  const own = value[name]
  if (own !== undefined && own !== '') return own
  problems.add(keyOf([...path, name]), own, 'a path: this machine needs it')
  return undefined
}

function resolvePath(text: string, isOnDisk: boolean, key: string, context: PathContext): string | undefined {
  const expanded = expandEnvironment(text, context.env, (missing) => context.problems.add(key, text, missing))
  if (expanded === undefined || !isOnDisk) return expanded
  const isForeign = context.platform !== 'win32' && /^(?:[A-Za-z]:[\\/]|\\\\)/.test(expanded)
  if (!isForeign && !expanded.includes('\0')) return toAbsolute(expanded, context)
  context.problems.add(key, text, 'a path of this machine; give one for each of windows, linux and darwin where they differ')
  return undefined
}

/** The absolute path of a folder of this machine; undefined, with a mistake, when it is none. */
export function resolveFolder(text: string, key: string, context: PathContext): string | undefined {
  return resolvePath(text, true, key, context)
}

/** `~/` is the home folder; a relative path starts at the configuration's folder. */
function toAbsolute(text: string, { env, platform, folder }: PathContext): string {
  const paths = platform === 'win32' ? win32 : posix
  const home = env[platform === 'win32' ? 'USERPROFILE' : 'HOME'] || homedir()
  return /^~[/\\]/.test(text) ? paths.join(home, text.slice(2)) : paths.resolve(folder, text)
}

export function isOsMap(value: unknown): value is Record<string, unknown> {
  return isRawObject(value) && Object.keys(value).length > 0 && Object.keys(value).every((key) => OS_NAMES.includes(key))
}

export function osName(platform: NodeJS.Platform): string {
  if (platform === 'win32') return 'windows'
  return platform === 'darwin' ? 'darwin' : 'linux'
}

import { posix, win32 } from 'node:path'

import { SyncError } from '../errors.ts'

/** Where a root may lie that a document names, and not the configuration. */
export interface DocumentRoots {
  /** Prefixes, as configured. Undefined: anywhere but at the places below. */
  readonly allowed?: readonly string[]
  /** What must not lie below such a root: home folders, the configuration's and its credentials' files. Absolute. */
  readonly guarded: readonly string[]
  readonly platform: NodeJS.Platform
}

/** Folders of the system: no production is in them. */
const SYSTEM: Readonly<Record<'posix' | 'win32', readonly string[]>> = {
  posix: [
    '/bin /boot /dev /etc /lib /lib32 /lib64 /proc /run /sbin /sys /usr /var/lib /var/log /var/run /var/spool'.split(' '),
    '/System /Library /Applications /private/etc'.split(' '),
  ].flat(),
  win32: ['C:\\Windows', 'C:\\Program Files', 'C:\\Program Files (x86)', 'C:\\ProgramData'],
}
/** Folders that hold home folders, and nothing else. */
const HOMES: Readonly<Record<'posix' | 'win32', readonly string[]>> = { posix: ['/home', '/Users', '/root'], win32: ['C:\\Users'] }

/** Below home folders: what programs keep there, keys among it. */
const OF_PROGRAMS = new Set(['library', 'appdata'])

/**
 * Anybody who can write a document can name a root in it, and have files below that root sent, or written. So only roots serve that the
 * operator allows, or that can be nothing but a place for productions. This judges a path by its text; where it leads, on the disk, is
 * judged in the same way when the root is used (`leadsTo`).
 *
 * @throws SyncError `BAD_ROOT` that says what to do.
 */
export function assertDocumentRoot(root: string, roots: DocumentRoots, leadsTo?: string): void {
  const why = refusalOf(leadsTo ?? root, roots)
  if (why === undefined) return
  const remedy = 'name its folder in "publish_roots", or give the publish site a root'
  const way = leadsTo === undefined || leadsTo === root ? '' : ` (a link to ${JSON.stringify(leadsTo)})`
  throw new SyncError('BAD_ROOT', `the root ${JSON.stringify(root)}${way}, which the document names, is not used: ${why}; ${remedy}`)
}

function refusalOf(root: string, { allowed, guarded, platform }: DocumentRoots): string | undefined {
  const path = platform === 'win32' ? win32 : posix
  const kind = platform === 'win32' ? 'win32' : 'posix'
  const isWithin = (outer: string, inner: string): boolean => {
    const below = path.relative(path.normalize(outer), path.normalize(inner))
    return below !== '..' && !below.startsWith(`..${path.sep}`) && !path.isAbsolute(below)
  }
  if (!path.isAbsolute(root)) return 'it is not an absolute path of this machine'
  if (allowed !== undefined) return allowed.some((prefix) => isWithin(prefix, root)) ? undefined : 'it lies in none of "publish_roots"'
  const real = comparable(path.normalize(root), platform)
  if (real === path.parse(real).root) return 'it is the whole disk'
  if (SYSTEM[kind].some((folder) => touches(isWithin, comparable(folder, platform), real))) return "it is a folder of the system's"
  const names = real.split(/[/\\]/).filter((name) => name !== '')
  if (names.some((name) => name.startsWith('.'))) return 'it lies in a hidden folder'
  for (const homes of HOMES[kind].map((folder) => comparable(folder, platform))) {
    if (!isWithin(homes, real)) continue
    const [home, first = ''] = path.relative(homes, real).split(path.sep)
    if (home === '' || (first === '' && homes !== '/root')) return 'it is a home folder, or holds some'
    if (OF_PROGRAMS.has(first.toLowerCase())) return 'it lies in what programs keep in a home folder'
  }
  const isGuarded = guarded.some((file) => isWithin(real, comparable(path.normalize(file), platform)))
  return isGuarded ? "a home folder, or the service's configuration or credentials, lie below it" : undefined
}

function touches(isWithin: (outer: string, inner: string) => boolean, folder: string, real: string): boolean {
  return isWithin(folder, real) || isWithin(real, folder)
}

/** Where the disk takes upper and lower case for the same, so does whoever looks for what must not be used. */
function comparable(path: string, platform: NodeJS.Platform): string {
  if (platform !== 'darwin' && platform !== 'win32') return path
  const folded = path.normalize('NFC').toLowerCase()
  // There, these folders of the system's are links to others.
  return platform === 'darwin' ? folded.replace(/^\/private(?=\/(?:etc|var|tmp)(?:\/|$))/, '') : folded
}

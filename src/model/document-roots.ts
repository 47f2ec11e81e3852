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

/**
 * Anybody who can write a document can name a root in it, and have files below that root sent, or written. So only roots serve that the
 * operator allows, or that can be nothing but a place for productions.
 *
 * @throws SyncError `BAD_ROOT` that says what to do.
 */
export function assertDocumentRoot(root: string, { allowed, guarded, platform }: DocumentRoots): void {
  const path = platform === 'win32' ? win32 : posix
  const kind = platform === 'win32' ? 'win32' : 'posix'
  const real = path.normalize(root)
  const isWithin = (outer: string, inner: string): boolean => {
    const below = path.relative(path.normalize(outer), path.normalize(inner))
    return below !== '..' && !below.startsWith(`..${path.sep}`) && !path.isAbsolute(below)
  }
  const refuse = (why: string): never => {
    const remedy = 'name its folder in "publish_roots", or give the publish site a root'
    throw new SyncError('BAD_ROOT', `the root ${JSON.stringify(root)}, which the document names, is not used: ${why}; ${remedy}`)
  }
  if (!path.isAbsolute(real)) refuse('it is not an absolute path of this machine')
  if (allowed !== undefined) {
    if (!allowed.some((prefix) => isWithin(prefix, real))) refuse('it lies in none of "publish_roots"')
    return
  }
  if (real === path.parse(real).root) refuse('it is the whole disk')
  if (SYSTEM[kind].some((folder) => isWithin(folder, real) || isWithin(real, folder))) refuse("it is a folder of the system's")
  if (HOMES[kind].includes(real.replace(/[/\\]+$/, ''))) refuse('it holds home folders')
  if (guarded.some((file) => isWithin(real, file))) refuse("a home folder, or the service's configuration or credentials, lie below it")
}

import type { BigIntStats } from 'node:fs'
import { opendir, readFile, realpath, stat, statfs } from 'node:fs/promises'

import type { RootFacts } from '../../model/root-facts.ts'
import { isWithin } from './paths.ts'

/** Rejects as the file system does when the root is not there. An automounted root is mounted by looking into it first. */
export async function rootFacts(root: string): Promise<RootFacts> {
  const isEmpty = await hasNothing(root)
  const [info, space, mount] = await Promise.all([stat(root, { bigint: true }), statfs(root, { bigint: true }), mountOf(root)])
  const device = {
    device: String(info.dev),
    born: String(info.birthtimeNs),
    inode: String(info.ino),
    blocks: String(space.blocks),
    isEmpty,
  }
  if (mount) return { ...mount, ...device }
  return { mountPoint: (await isOnSystemDisk(info)) ? '/' : 'a disk of its own', type: String(space.type), source: '', ...device }
}

/** Why the root is not what it was, for a person; undefined when it is. */
export function differenceOf(known: RootFacts, now: RootFacts): string | undefined {
  if (known.mountPoint !== now.mountPoint || known.type !== now.type) return `it was on ${describe(known)}, and is now on ${describe(now)}`
  const isSameDevice = known.device === now.device && (isLasting(now.device) || known.born === now.born)
  // What lost all its files with a new mount is perhaps another disk, or the wrong folder of it.
  if (!isSameDevice && now.isEmpty && !known.isEmpty) return `it was mounted again, on ${describe(now)}, and is empty now`
  const isSame = isSameDevice || known.source === now.source || (known.inode === now.inode && known.blocks === now.blocks)
  return isSame ? undefined : `it was on ${describe(known)}, and is now on ${describe(now)}`
}

/** Devices without a number of their own (major number 0 on Linux) are given the next free one by each mount. */
function isLasting(device: string): boolean {
  return process.platform !== 'linux' || ((BigInt(device) >> 8n) & 0xfffn) !== 0n
}

export function describe({ mountPoint, type, source }: RootFacts): string {
  if (mountPoint === '/') return "the system's own disk"
  return source === '' ? mountPoint : `${source} (${type}, mounted at ${mountPoint})`
}

async function hasNothing(root: string): Promise<boolean> {
  const folder = await opendir(root)
  try {
    return (await folder.read()) === null
  } finally {
    await folder.close()
  }
}

type Mount = Pick<RootFacts, 'mountPoint' | 'type' | 'source'>

/** The mount that holds a folder, by Linux's own table; undefined on systems without one. */
async function mountOf(folder: string): Promise<Mount | undefined> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => undefined)
  if (table === undefined) return undefined
  const real = await realpath(folder)
  let found: Mount | undefined
  for (const line of table.split('\n')) {
    const mount = parse(line)
    // Of several at one place the last is on top.
    if (mount && isWithin(mount.mountPoint, real) && mount.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount
  }
  return found
}

/** `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`: see proc_pid_mountinfo(5). */
function parse(line: string): Mount | undefined {
  const [before, after] = line.split(' - ')
  const mountPoint = before?.split(' ')[4]
  const [type, source] = after?.split(' ') ?? []
  if (mountPoint === undefined || type === undefined) return undefined
  return { mountPoint: unescaped(mountPoint), type, source: unescaped(source ?? '') }
}

/** Spaces and the like stand there as `\040`. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)))
}

async function isOnSystemDisk({ dev }: BigIntStats): Promise<boolean> {
  return (await stat('/', { bigint: true })).dev === dev
}

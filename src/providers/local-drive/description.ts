import type { BigIntStats } from 'node:fs'

import { SyncError } from '../../errors.ts'
import type { Checksum, RemoteFile } from '../provider.ts'

/** A file on disk, by its path below its root, for those who do not know of disks. */
export function describe(path: string, info: BigIntStats, checksum?: Checksum): RemoteFile {
  return {
    id: path,
    identity: `disk:${info.dev}:${info.ino}`,
    size: Number(info.size),
    // Rounded, not cut: a time that was set in milliseconds may be stored a few nanoseconds short of it.
    modified: new Date(Math.round(Number(info.mtimeNs) / 1e6)),
    // Not the ctime: a change of mode or owner leaves the content as it is.
    version: `${info.ino}:${info.size}:${info.mtimeNs}`,
    // Windows has none that mean the same.
    ...(process.platform === 'win32' ? {} : { mode: Number(info.mode & 0o777n) }),
    ...(checksum === undefined ? {} : { checksum }),
  }
}

/** Rejects what is no regular file: to read a device or a FIFO may never end. */
export function regular(info: BigIntStats, where: string): BigIntStats {
  if (info.isFile()) return info
  throw new SyncError('NOT_A_FILE', `${where} is ${kindOf(info)}, not a file`)
}

function kindOf(info: BigIntStats): string {
  if (info.isDirectory()) return 'a folder'
  if (info.isFIFO()) return 'a FIFO'
  if (info.isSocket()) return 'a socket'
  return info.isBlockDevice() || info.isCharacterDevice() ? 'a device' : 'something special'
}

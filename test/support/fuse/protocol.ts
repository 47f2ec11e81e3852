import type { BigIntStats, BigIntStatsFs } from 'node:fs'

/** The part of the kernel's FUSE protocol (linux/fuse.h, 7.31) that a pass-through needs. All numbers are little-endian. */

const OPCODES = {
  1: 'lookup',
  2: 'forget',
  3: 'getattr',
  4: 'setattr',
  5: 'readlink',
  6: 'symlink',
  9: 'mkdir',
  10: 'unlink',
  11: 'rmdir',
  12: 'rename',
  14: 'open',
  15: 'read',
  16: 'write',
  17: 'statfs',
  18: 'release',
  20: 'fsync',
  25: 'flush',
  26: 'init',
  27: 'opendir',
  28: 'readdir',
  29: 'releasedir',
  30: 'fsyncdir',
  34: 'access',
  35: 'create',
  36: 'interrupt',
  38: 'destroy',
  42: 'batch_forget',
  45: 'rename2',
} as const

export type Operation = (typeof OPCODES)[keyof typeof OPCODES]

export interface Request {
  readonly operation: Operation | undefined
  readonly unique: bigint
  readonly node: bigint
  readonly body: Buffer
}

const IN_HEADER = 40
const OUT_HEADER = 16
/** How long the kernel may believe an answer: never, so that each access is seen. */
const VALID = 0n

export function parseRequest(packet: Buffer): Request {
  return {
    operation: OPCODES[packet.readUInt32LE(4) as keyof typeof OPCODES],
    unique: packet.readBigUInt64LE(8),
    node: packet.readBigUInt64LE(16),
    body: packet.subarray(IN_HEADER),
  }
}

export function reply(unique: bigint, error: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(OUT_HEADER)
  header.writeUInt32LE(OUT_HEADER + body.length, 0)
  header.writeInt32LE(-Math.abs(error), 4)
  header.writeBigUInt64LE(unique, 8)
  return Buffer.concat([header, body])
}

/** Texts that end with a zero byte. */
export function texts(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\0')
}

export const LARGEST_WRITE = 128 * 1024

export function initReply(body: Buffer): Buffer {
  const out = Buffer.alloc(64)
  out.writeUInt32LE(7, 0)
  out.writeUInt32LE(Math.min(31, body.readUInt32LE(4)), 4)
  out.writeUInt32LE(LARGEST_WRITE, 8)
  out.writeUInt16LE(12, 16)
  out.writeUInt16LE(9, 18)
  out.writeUInt32LE(LARGEST_WRITE, 20)
  out.writeUInt32LE(1, 24)
  return out
}

function attributes(info: BigIntStats): Buffer {
  const out = Buffer.alloc(88)
  const longs = [info.ino, info.size, info.blocks, ...[info.atimeNs, info.mtimeNs, info.ctimeNs].map((ns) => seconds(ns))]
  for (const [n, value] of longs.entries()) out.writeBigUInt64LE(BigInt.asUintN(64, value), n * 8)
  const nanoseconds = [info.atimeNs, info.mtimeNs, info.ctimeNs].map((ns) => ns - seconds(ns) * 1_000_000_000n)
  const ints = [...nanoseconds, info.mode, info.nlink, info.uid, info.gid, info.rdev, info.blksize, 0n]
  for (const [n, value] of ints.entries()) out.writeUInt32LE(Number(value), 48 + n * 4)
  return out
}

const seconds = (ns: bigint): bigint => (ns >= 0n ? ns / 1_000_000_000n : -((-ns + 999_999_999n) / 1_000_000_000n))

export function entryReply(node: bigint, info: BigIntStats): Buffer {
  const out = Buffer.alloc(40)
  out.writeBigUInt64LE(node, 0)
  out.writeBigUInt64LE(VALID, 16)
  out.writeBigUInt64LE(VALID, 24)
  return Buffer.concat([out, attributes(info)])
}

export function attributesReply(info: BigIntStats): Buffer {
  return Buffer.concat([Buffer.alloc(16), attributes(info)])
}

export function openReply(handle: bigint): Buffer {
  const out = Buffer.alloc(16)
  out.writeBigUInt64LE(handle, 0)
  return out
}

export function writeReply(bytes: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeUInt32LE(bytes, 0)
  return out
}

/** `free`: bytes that are said to be left, instead of what there are. */
export function statfsReply(info: BigIntStatsFs, free: number | undefined): Buffer {
  const out = Buffer.alloc(80)
  const left = free === undefined ? undefined : BigInt(free) / info.bsize
  const longs = [info.blocks, left ?? info.bfree, left ?? info.bavail, info.files, info.ffree]
  for (const [n, value] of longs.entries()) out.writeBigUInt64LE(value, n * 8)
  for (const [n, value] of [Number(info.bsize), 255, Number(info.bsize)].entries()) out.writeUInt32LE(value, 40 + n * 4)
  return out
}

/** As many entries as fit, from the `from`th on. */
export function directoryReply(names: readonly string[], from: number, size: number): Buffer {
  const entries: Buffer[] = []
  let length = 0
  for (const [n, text] of names.slice(from).entries()) {
    const name = Buffer.from(text)
    const out = Buffer.alloc(24 + Math.ceil(name.length / 8) * 8)
    out.writeBigUInt64LE(BigInt(from + n + 2), 0)
    out.writeBigUInt64LE(BigInt(from + n + 1), 8)
    out.writeUInt32LE(name.length, 16)
    name.copy(out, 24)
    if (length + out.length > size) break
    length += out.length
    entries.push(out)
  }
  return Buffer.concat(entries)
}

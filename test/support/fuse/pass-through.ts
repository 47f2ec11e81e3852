import * as fs from 'node:fs'
import { constants } from 'node:os'
import { join, relative } from 'node:path'

import * as protocol from './protocol.ts'
import type { Operation, Request } from './protocol.ts'

/** What is to go wrong in a pass-through. */
export interface Faults {
  readonly rules: readonly FaultRule[]
  /** Upper and lower case are the same, and kept as they were written first. */
  readonly isCaseBlind?: boolean
  /** Bytes that are said to be free. */
  readonly freeBytes?: number
  /** A file that is open for writing can't be read by the same handle. */
  readonly isWriteOnly?: boolean
}

export interface FaultRule {
  readonly operation: Operation
  /** Paths below the mount that contain this; all of them when left out. */
  readonly path?: string
  /** The number that the kernel hands on, with or without its sign. */
  readonly errno: number
}

class Refusal extends Error {
  readonly errno: number

  constructor(errno: number) {
    super(`refused with ${errno}`)
    this.errno = errno
  }
}

const { ENOENT, ENOSYS, EPERM, EIO } = constants.errno
const ACCESS_MODE = 3

/** Serves the files of a folder to the kernel, but for the faults. One request at a time. */
export class PassThrough {
  readonly #folder: string
  readonly #faults: () => Faults
  readonly #paths = new Map<bigint, string>([[1n, '']])
  readonly #nodes = new Map<string, bigint>([['', 1n]])
  readonly #handles = new Map<bigint, { readonly fd: number; readonly path: string }>()
  #next = 2n

  constructor(folder: string, faults: () => Faults) {
    this.#folder = folder
    this.#faults = faults
  }

  /** The answer to a request; undefined where the kernel awaits none. */
  serve(request: Request): Buffer | undefined {
    const { operation, unique } = request
    if (operation === 'forget' || operation === 'batch_forget' || operation === 'interrupt') return undefined
    if (operation === undefined) return protocol.reply(unique, ENOSYS)
    try {
      return protocol.reply(unique, 0, this.#serve(operation, request))
    } catch (error) {
      const { errno } = error as { errno?: unknown }
      return protocol.reply(unique, typeof errno === 'number' ? errno : EIO)
    }
  }

  #serve(operation: Operation, { node, body }: Request): Buffer {
    if (operation === 'init') return protocol.initReply(body)
    const path = this.#paths.get(node) ?? this.#refuse(ENOENT)
    switch (operation) {
      case 'lookup':
        return this.#entry(operation, this.#child(path, protocol.texts(body)[0]))
      case 'getattr':
        return this.#attributes(operation, path)
      case 'setattr':
        return this.#setAttributes(path, body)
      case 'readlink':
        return Buffer.from(fs.readlinkSync(this.#full(path)))
      case 'symlink': {
        const [name, target = ''] = protocol.texts(body)
        const link = this.#child(path, name)
        fs.symlinkSync(target, this.#full(link))
        return this.#entry(operation, link)
      }
      case 'mkdir': {
        const folder = this.#child(path, protocol.texts(body.subarray(8))[0])
        this.#check(operation, folder)
        fs.mkdirSync(this.#full(folder), body.readUInt32LE(0) & 0o7777)
        return this.#entry(operation, folder)
      }
      case 'unlink':
      case 'rmdir': {
        const gone = this.#child(path, protocol.texts(body)[0])
        this.#check(operation, gone)
        if (operation === 'unlink') fs.unlinkSync(this.#full(gone))
        else fs.rmdirSync(this.#full(gone))
        return Buffer.alloc(0)
      }
      case 'rename':
      case 'rename2':
        return this.#rename(path, body, operation === 'rename' ? 8 : 16)
      case 'create':
        return this.#create(path, body)
      case 'open':
        return this.#open(path, body.readUInt32LE(0))
      case 'read':
        return this.#read(body)
      case 'write':
        return this.#write(body)
      case 'fsync':
      case 'flush':
        this.#check(operation, this.#handle(body).path)
        return Buffer.alloc(0)
      case 'release':
        fs.closeSync(this.#handle(body).fd)
        this.#handles.delete(body.readBigUInt64LE(0))
        return Buffer.alloc(0)
      case 'opendir':
      case 'fsyncdir':
      case 'access':
        this.#check(operation, path)
        return operation === 'opendir' ? protocol.openReply(0n) : Buffer.alloc(0)
      case 'readdir':
        this.#check(operation, path)
        return protocol.directoryReply(fs.readdirSync(this.#full(path)), Number(body.readBigUInt64LE(8)), body.readUInt32LE(16))
      case 'statfs':
        this.#check(operation, path)
        return protocol.statfsReply(fs.statfsSync(this.#full(path), { bigint: true }), this.#faults().freeBytes)
      default:
        return Buffer.alloc(0)
    }
  }

  #setAttributes(path: string, body: Buffer): Buffer {
    const valid = body.readUInt32LE(0)
    this.#check('setattr', path)
    if (valid & 1) fs.chmodSync(this.#full(path), body.readUInt32LE(68) & 0o7777)
    if (valid & 8) fs.truncateSync(this.#full(path), Number(body.readBigUInt64LE(16)))
    if (valid & 0x30) {
      const time = (at: number, ns: number): number => Number(body.readBigInt64LE(at)) + body.readUInt32LE(ns) / 1e9
      fs.utimesSync(this.#full(path), time(32, 56), time(40, 60))
    }
    return this.#attributes('getattr', path)
  }

  #rename(path: string, body: Buffer, header: number): Buffer {
    const into = this.#paths.get(body.readBigUInt64LE(0)) ?? this.#refuse(ENOENT)
    const [from, to] = protocol.texts(body.subarray(header))
    const [old, target] = [this.#child(path, from), this.#child(into, to)]
    this.#check('rename', target)
    fs.renameSync(this.#full(old), this.#full(target))
    const node = this.#nodes.get(old)
    this.#nodes.delete(old)
    if (node !== undefined) {
      this.#nodes.set(target, node)
      this.#paths.set(node, target)
    }
    return Buffer.alloc(0)
  }

  #create(path: string, body: Buffer): Buffer {
    const file = this.#child(path, protocol.texts(body.subarray(16))[0])
    this.#check('create', file)
    const flags = body.readUInt32LE(0)
    if (this.#faults().isWriteOnly === true && (flags & ACCESS_MODE) === fs.constants.O_RDWR) this.#refuse(EPERM)
    const fd = fs.openSync(this.#full(file), flags | fs.constants.O_CREAT, body.readUInt32LE(4) & 0o7777)
    return Buffer.concat([this.#entry('getattr', file), protocol.openReply(this.#keep(fd, file))])
  }

  #open(path: string, flags: number): Buffer {
    this.#check('open', path)
    return protocol.openReply(this.#keep(fs.openSync(this.#full(path), flags & ~fs.constants.O_CREAT), path))
  }

  #read(body: Buffer): Buffer {
    const { fd, path } = this.#handle(body)
    this.#check('read', path)
    const bytes = Buffer.alloc(body.readUInt32LE(16))
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, Number(body.readBigUInt64LE(8))))
  }

  #write(body: Buffer): Buffer {
    const { fd, path } = this.#handle(body)
    this.#check('write', path)
    const bytes = body.subarray(40, 40 + body.readUInt32LE(16))
    return protocol.writeReply(fs.writeSync(fd, bytes, 0, bytes.length, Number(body.readBigUInt64LE(8))))
  }

  #entry(operation: Operation, path: string): Buffer {
    this.#check(operation, path)
    const info = fs.lstatSync(this.#full(path), { bigint: true })
    let node = this.#nodes.get(path)
    if (node === undefined) {
      node = this.#next++
      this.#nodes.set(path, node)
      this.#paths.set(node, path)
    }
    return protocol.entryReply(node, info)
  }

  #attributes(operation: Operation, path: string): Buffer {
    this.#check(operation, path)
    return protocol.attributesReply(fs.lstatSync(this.#full(path), { bigint: true }))
  }

  #keep(fd: number, path: string): bigint {
    const handle = this.#next++
    this.#handles.set(handle, { fd, path })
    return handle
  }

  #handle(body: Buffer): { readonly fd: number; readonly path: string } {
    return this.#handles.get(body.readBigUInt64LE(0)) ?? this.#refuse(ENOENT)
  }

  #child(folder: string, name = ''): string {
    if (this.#faults().isCaseBlind === true) {
      const lower = name.toLowerCase()
      const there = fs.readdirSync(this.#full(folder)).find((other) => other.toLowerCase() === lower)
      return join(folder, there ?? name)
    }
    return join(folder, name)
  }

  #full(path: string): string {
    return join(this.#folder, path)
  }

  #check(operation: Operation, path: string): void {
    const known = relative('', path)
    const rule = this.#faults().rules.find((one) => one.operation === operation && known.includes(one.path ?? ''))
    if (rule) this.#refuse(rule.errno)
  }

  #refuse(errno: number): never {
    throw new Refusal(errno)
  }
}

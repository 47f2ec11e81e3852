import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** Where the text of a log goes. Nothing here ever waits. */
export interface Destination {
  readonly isTerminal: boolean
  /** Does each `take` cost a call to the system, so that lines are better joined? */
  readonly isCostly: boolean
  /** Gives how many of these bytes it took: 0 while it has no room. Throws when nobody will ever read again. */
  take(bytes: Buffer): number
  /** Calls back when it may have room again, or when it is gone. */
  whenReady(again: () => void): void
  /** Calls back when all it took has left the process, or can't any more. */
  whenEmpty(done: () => void): void
}

/** The pauses between two attempts to write, shortest and longest. Milliseconds. */
const ASK_AGAIN_MS: readonly [number, number] = [10, 250]
/** The reader has gone. A full disk is not among them: it may have room again. */
const GONE = new Set(['EPIPE', 'EBADF'])
/** The terminal was closed. */
const HUNG_UP = 'EIO'

/** A file, or a pipe or terminal that was opened so that a write to it gives up instead of waiting. */
export class DescriptorDestination implements Destination {
  readonly isTerminal: boolean
  readonly isCostly = true
  readonly #fd: number
  readonly #write: typeof writeSync
  #pauseMs = ASK_AGAIN_MS[0]

  constructor(fd: number, { isTerminal = false, write = writeSync }: { isTerminal?: boolean; write?: typeof writeSync } = {}) {
    this.#fd = fd
    this.isTerminal = isTerminal
    this.#write = write
  }

  take(bytes: Buffer): number {
    try {
      const taken = this.#write(this.#fd, bytes)
      this.#pauseMs = ASK_AGAIN_MS[0]
      return taken
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (GONE.has(code) || (this.isTerminal && code === HUNG_UP)) throw error
      return 0
    }
  }

  whenReady(again: () => void): void {
    setTimeout(again, this.#pauseMs).unref()
    this.#pauseMs = Math.min(this.#pauseMs * 2, ASK_AGAIN_MS[1])
  }

  /** What was taken is with the system already. */
  whenEmpty(done: () => void): void {
    done()
  }
}

const guarded = new WeakSet<Writable>()

/** A stream, which stays open. Should it break (`EPIPE`), also after the log has ended, that is no reason for the process to end. */
export class StreamDestination implements Destination {
  readonly isTerminal: boolean
  readonly isCostly = false
  readonly #stream: Writable

  constructor(stream: Writable) {
    this.#stream = stream
    this.isTerminal = 'isTTY' in stream && stream.isTTY === true
    if (guarded.has(stream)) return
    guarded.add(stream)
    stream.on('error', () => undefined)
  }

  take(bytes: Buffer): number {
    if (this.isGone) throw new Error('the stream has ended')
    if (this.#stream.writableNeedDrain) return 0
    this.#stream.write(bytes)
    return bytes.length
  }

  whenReady(again: () => void): void {
    this.#once('drain', again)
  }

  whenEmpty(done: () => void): void {
    if (this.isGone) return done()
    this.#stream.write('', this.#once('close', done))
  }

  /** Nobody will ever read again. */
  get isGone(): boolean {
    const { destroyed, errored, writableEnded } = this.#stream
    return destroyed || errored !== null || writableEnded
  }

  /** Calls back at this event or when the stream is closed, whichever comes first. */
  #once(event: 'drain' | 'close', callback: () => void): () => void {
    const once = (): void => {
      this.#stream.off(event, once).off('close', once)
      callback()
    }
    this.#stream.on(event, once)
    if (event !== 'close') this.#stream.on('close', once)
    return once
  }
}

import type { Writable } from 'node:stream'

export interface Output {
  /** Nobody reads any more: the pipe was closed, the terminal went away. */
  isGone(): boolean
  /** Resolves when all that was written so far has left the process. */
  flush(): Promise<void>
}

const gone = new WeakSet<Writable>()
const guarded = new WeakSet<Writable>()

/** Keeps the process alive when the stream breaks (`EPIPE`), also after the logger has closed: what can't be told is no reason to stop. */
export function guardOutput(stream: Writable): Output {
  if (!guarded.has(stream)) {
    guarded.add(stream)
    stream.on('error', () => gone.add(stream))
  }
  const isGone = () => gone.has(stream) || stream.destroyed || stream.writableEnded
  return {
    isGone,
    flush: () =>
      new Promise((resolve) => {
        if (isGone()) return resolve()
        const done = () => {
          stream.off('close', done)
          resolve()
        }
        stream.once('close', done)
        stream.write('', done)
      }),
  }
}

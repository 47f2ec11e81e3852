import type { Readable } from 'node:stream'

import { SyncError, toSyncError } from '../../errors.ts'

/** The fault that an aborted signal stands for. */
export function abortion(signal: AbortSignal): SyncError {
  return signal.reason instanceof SyncError ? signal.reason : new SyncError('ABORTED', 'stopped', { cause: signal.reason })
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortion(signal)
}

/** Waits for `work` no longer than until the abortion. Only for work that may be left to itself: it can't be stopped. */
export async function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(abortion(signal))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** The chunks of a stream, until the abortion; also when the stream hangs and does not hear of it. Fails with `SyncError`s only. */
export async function* chunksOf(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    for (;;) {
      const next = await orAborted(signal, chunks.next())
      if (next.done === true) return
      yield next.value
    }
  } catch (error) {
    throw signal.aborted ? abortion(signal) : toSyncError(error)
  } finally {
    stream.on('error', () => {}).destroy()
  }
}

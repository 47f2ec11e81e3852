/** Whoever was asked says nothing. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Waits for an answer, but not for ever; an answer that comes too late is ignored. */
export async function within<T>(ms: number, answer: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise, resolve, reject } = Promise.withResolvers<T | null>()
  const stop = (): void => resolve(null)
  const timer = setTimeout(() => reject(new NoAnswer(`no answer within ${ms} ms`)), ms)
  signal.addEventListener('abort', stop, { once: true })
  answer.then(resolve, reject)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

/** Ends early when the signal does. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}

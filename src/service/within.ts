/** How long connections have to close: nobody waits for a server that is unavailable. Milliseconds. */
export const CLOSING_MS = 1_000

/** Closes it, within `CLOSING_MS`. */
export async function close(connections: AsyncDisposable): Promise<void> {
  await within(CLOSING_MS, Promise.resolve(connections[Symbol.asyncDispose]()))
}

/** Waits for the work, but no longer than so many milliseconds; a failure is of no interest. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  await inTime(ms, work)
}

/** What the work gives; something else where it fails, or takes longer than so many milliseconds. */
export async function inTime<T>(ms: number, work: Promise<T>): Promise<T | undefined>
export async function inTime<T>(ms: number, work: Promise<T>, otherwise: T): Promise<T>
export async function inTime<T>(ms: number, work: Promise<T>, otherwise?: T): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<T | undefined>()
  const timer = setTimeout(() => resolve(otherwise), ms)
  try {
    return await Promise.race([work.catch(() => otherwise), late])
  } finally {
    clearTimeout(timer)
  }
}

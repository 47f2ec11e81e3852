/** How long connections have to close: nobody waits for a server that is unavailable. Milliseconds. */
export const CLOSING_MS = 1_000

/** Closes it, within `CLOSING_MS`. */
export async function close(connections: AsyncDisposable): Promise<void> {
  await within(CLOSING_MS, Promise.resolve(connections[Symbol.asyncDispose]()))
}

/** Waits for the work, but no longer than so many milliseconds; a failure is of no interest. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
}

import { messageOf } from '../../errors.ts'

type CheckStatus = 'pass' | 'warn' | 'fail'

/** One line of what `doctor` says. */
export interface Check {
  readonly check: string
  readonly status: CheckStatus
  readonly detail: string
  /** What mends it, a command where there is one; empty where nothing is to be done. */
  readonly fix: string
}

export const pass = (check: string, detail: string): Check => ({ check, status: 'pass', detail, fix: '' })
export const warn = (check: string, detail: string, fix: string): Check => ({ check, status: 'warn', detail, fix })
export const fail = (check: string, detail: string, fix: string): Check => ({ check, status: 'fail', detail, fix })

/** How long one check may take. Milliseconds. */
const CHECK_MS = 15_000

/** Does a check within its time. What it throws, and silence, is a failure of this check and of no other. */
export async function limited(
  name: string,
  look: (signal: AbortSignal) => Promise<Check | readonly Check[]>,
  explain: (error: unknown) => string = () => 'mend what it says, and run doctor again',
  ms = CHECK_MS,
): Promise<readonly Check[]> {
  const abort = new AbortController()
  const { promise: late, resolve } = Promise.withResolvers<readonly Check[]>()
  const timer = setTimeout(() => {
    abort.abort()
    resolve([
      fail(
        name,
        `no answer within ${ms / 1_000} s`,
        'find out what keeps it from answering (network, mount, server), and run doctor again',
      ),
    ])
  }, ms)
  try {
    return await Promise.race([look(abort.signal).then((found) => [found].flat()), late])
  } catch (error) {
    return [fail(name, messageOf(error), explain(error))]
  } finally {
    clearTimeout(timer)
  }
}

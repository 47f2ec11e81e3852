import { setTimeout as delay } from 'node:timers/promises'

export interface PollOptions {
  /** For the message when time is up: "no … within 30 s". */
  readonly what: string
  readonly timeoutMs: number
  readonly everyMs?: number
}

/** Asks until the answer is there (anything but undefined or false), and rejects when time is up. A rejecting `ask` ends it at once. */
export async function poll<T>(ask: () => Promise<T | undefined | false>, { what, timeoutMs, everyMs = 20 }: PollOptions): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline) throw new Error(`no ${what} within ${timeoutMs / 1000} s`)
    await delay(everyMs)
  }
}

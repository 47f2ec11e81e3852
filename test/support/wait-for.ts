import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'

export interface WaitOptions {
  /** @defaultValue 15 s */
  readonly withinMs?: number
  /** What there is instead, for the message when time is up. */
  readonly seen?: () => unknown
}

const EVERY_MS = 10

/** Asks until the answer is there (anything but undefined, null and false) and gives it; rejects with what was waited for, and seen. */
export async function waitFor<T>(
  what: string,
  ask: () => T | Promise<T>,
  { withinMs = 15_000, seen }: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== null && answer !== false) return answer as Exclude<T, undefined | null | false>
    if (performance.now() > deadline) {
      const instead = seen === undefined ? answer : await seen()
      throw new Error(`waited ${withinMs / 1_000} s for ${what}; seen instead: ${inspect(instead, { depth: 6, breakLength: 140 })}`)
    }
    await delay(EVERY_MS)
  }
}

import type { Db } from 'mongodb'

import { hold, type Holding } from '../../streams/holding.ts'
import { sleep } from '../../streams/waiting.ts'

/** Milliseconds. */
const ASK_AGAIN_MS = 250

/**
 * Takes the leases under which services write to a place, so that nothing is put there meanwhile. What runs there for a record that is gone
 * ends by itself; undefined when something else still has one of them at the end of `patienceMs`.
 */
export async function holdPlaces(
  state: Db,
  leases: readonly string[],
  who: string,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<AsyncDisposable | undefined> {
  await using held = new AsyncDisposableStack()
  const until = performance.now() + patienceMs
  for (const lease of leases) {
    const holding = await holdUntil(state, lease, who, until, signal)
    if (holding === undefined) return undefined
    held.use(holding)
  }
  return held.move()
}

/** Longer than one that died has a lease (`streams/holding.ts`). Milliseconds. */
const DEAD_MS = 35_000

/** Waits for one that was killed, and not for one that works. */
export async function holdPatiently(state: Db, lease: string, who: string, signal: AbortSignal): Promise<Holding | undefined> {
  return holdUntil(state, lease, who, performance.now() + DEAD_MS, signal)
}

async function holdUntil(state: Db, lease: string, who: string, until: number, signal: AbortSignal): Promise<Holding | undefined> {
  for (;;) {
    const holding = await hold(state, lease, who)
    if (holding) return holding
    if (performance.now() >= until || signal.aborted) return undefined
    await sleep(ASK_AGAIN_MS, signal)
  }
}

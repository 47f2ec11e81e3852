import type { Db } from 'mongodb'

import { hold, type Holding } from '../../streams/holding.ts'
import { sleep } from '../../streams/waiting.ts'

/** Milliseconds. */
const ASK_AGAIN_MS = 250

/** As long as a lease of one that died lasts, and a little more: milliseconds. */
const MORE_MS = 5_000

interface Patience {
  readonly leaseSeconds: number
  readonly patienceMs: number
  readonly signal: AbortSignal
}

/**
 * Takes the leases under which services write to a place, so that nothing is put there meanwhile. What runs there for a record that is gone
 * ends by itself; undefined when something else still has one of them at the end of `patienceMs`.
 */
export async function holdPlaces(
  state: Db,
  leases: readonly string[],
  who: string,
  patience: Patience,
): Promise<AsyncDisposable | undefined> {
  await using held = new AsyncDisposableStack()
  const until = performance.now() + patience.patienceMs
  for (const lease of leases) {
    const holding = await holdUntil(state, lease, who, until, patience)
    if (holding === undefined) return undefined
    held.use(holding)
  }
  return held.move()
}

/** Waits for one that was killed, and not for one that works. */
export async function holdPatiently(
  state: Db,
  lease: string,
  who: string,
  { leaseSeconds, signal }: Omit<Patience, 'patienceMs'>,
): Promise<Holding | undefined> {
  const patienceMs = leaseSeconds * 1_000 + MORE_MS
  return holdUntil(state, lease, who, performance.now() + patienceMs, { leaseSeconds, signal })
}

async function holdUntil(
  state: Db,
  lease: string,
  who: string,
  until: number,
  { leaseSeconds, signal }: Omit<Patience, 'patienceMs'>,
): Promise<Holding | undefined> {
  for (;;) {
    const holding = await hold(state, lease, who, leaseSeconds)
    if (holding) return holding
    if (performance.now() >= until || signal.aborted) return undefined
    await sleep(ASK_AGAIN_MS, signal)
  }
}

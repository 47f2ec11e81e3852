import type { LRUCache } from 'lru-cache'

import type { Attempt } from './attempt.ts'
import type { Settled, Tracing } from './contracts.ts'
import { isSourceAtHand } from './source-at-hand.ts'
import { transfer, type TransferParts } from './transfer.ts'
import { verify } from './verify.ts'
import { writeBack, type WriteBackParts } from './write-back.ts'
import type { Workload } from './workload.ts'

export interface SettleParts {
  readonly transfer: TransferParts
  readonly writeBack: WriteBackParts
  readonly work: Pick<Workload, 'verified'>
  /** Keys of transfers whose last attempt had no permit. */
  readonly refused: Pick<LRUCache<string, true>, 'has' | 'set' | 'delete'>
  /** Begins to show the progress of an attempt; gives back how to end that. */
  readonly showProgress: (attempt: Attempt) => () => void
  readonly tracing?: Tracing | undefined
}

/**
 * One attempt from its slots to its result. The permit is asked for at once, and the copy begins meanwhile; nothing of it is visible before
 * the permit is granted, and nothing is told or written of an attempt whose permit was refused: the next one waits for its permit before it
 * begins. None is asked for where the file turns out to be elsewhere. Rejects when MongoDB could not be asked.
 */
export async function settle(parts: SettleParts, attempt: Attempt): Promise<Settled | undefined> {
  const { tracing } = parts
  return tracing ? await tracing.attempt(attempt, async () => await steps(parts, attempt)) : await steps(parts, attempt)
}

async function steps(parts: SettleParts, attempt: Attempt): Promise<Settled | undefined> {
  const { tracing } = parts
  const { key } = attempt.transfer
  const isGranted = async (): Promise<boolean> => {
    const granted = await attempt.permit.isGranted()
    if (granted) parts.refused.delete(key)
    else parts.refused.set(key, true)
    return granted
  }
  if (!(await isSourceAtHand(parts.transfer, attempt))) return undefined
  attempt.permit.ask()
  if (tracing) tracing.step('claim', async () => await attempt.permit.isGranted()).catch(() => undefined)
  // It may be refused again and again: one whose record is never found, say. Nothing is copied for it in vain more than once.
  if (parts.refused.has(key) && !(await isGranted())) return undefined
  const hideProgress = parts.showProgress(attempt)
  try {
    const { transfer: means } = parts
    const copied = await (tracing ? tracing.step('copy', async () => await transfer(means, attempt)) : transfer(means, attempt))
    const outcome = await (tracing ? tracing.step('verify', async () => await verify(attempt, copied)) : verify(attempt, copied))
    if (!(await isGranted())) return undefined
    const written = parts.work.verified(attempt, outcome)
    hideProgress()
    try {
      const { writeBack: how } = parts
      return await (tracing
        ? tracing.step('write back', async () => await writeBack(how, attempt, outcome))
        : writeBack(how, attempt, outcome))
    } finally {
      written()
    }
  } finally {
    hideProgress()
  }
}

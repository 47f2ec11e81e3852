import { randomUUID } from 'node:crypto'

import { SyncError } from '../errors.ts'
import type { Claim, ClaimStore } from '../model/claim.ts'
import type { Site } from '../model/site.ts'
import type { Transfer } from '../model/transfer.ts'
import type { Provider } from '../providers/provider.ts'
import type { Clock } from './clock.ts'
import type { Held } from './contracts.ts'
import type { RunningTransfer } from './transfer-queue.ts'

export interface ClaimParts {
  readonly claims: ClaimStore
  readonly clock: Clock
  /** The transfer as its document says it now; undefined when it is not pending any more. */
  readonly reread: (transfer: Transfer, signal: AbortSignal) => Promise<Transfer | undefined>
  /** Undefined where nobody has used that site yet. */
  readonly opened: (site: Site) => Pick<Provider, 'reserve' | 'unreserve'> | undefined
  /** Somebody else holds the place for so long. */
  readonly busy: (transfer: Transfer, freeInMs: number) => void
}

/**
 * Takes the lease, then reads the record again: what another instance finished before the lease was free is seen then. Undefined
 * when there is nothing to do here.
 */
export async function claim(parts: ClaimParts, running: RunningTransfer): Promise<Held | undefined> {
  const { claims, clock, reread, busy } = parts
  const planned = running.transfer
  const target = 'error' in planned.route ? undefined : parts.opened(planned.route.targetSite)
  const offer = target?.reserve()
  const result = await claims.claim(planned, randomUUID(), offer)
  if (offer && (result.kind === 'busy' || result.claim.reserved === undefined)) target?.unreserve(offer)
  if (result.kind === 'busy') {
    busy(planned, result.freeInMs)
    return undefined
  }
  const confirmed = confirm(claims, result.claim)
  // Whoever needs it awaits it; perhaps nobody does.
  confirmed.catch(() => undefined)
  const fresh = await orGiveBack(claims, result.claim, () => reread(planned, running.abort.signal))
  // One more failure since it was planned: its next attempt is for a later scan. Another place since: the lease is not on that one.
  if (!fresh || fresh.tries > planned.tries || fresh.targetKey !== planned.targetKey) {
    await claims.release(result.claim, { finished: false })
    return undefined
  }
  const held = { ...result.claim, transfer: fresh }
  return { running, transfer: fresh, claim: held, confirmed, progress: { bytes: 0, size: 0 }, startedAt: clock.now() }
}

/** While the work begins: bytes may be read, and sent to where nobody sees them. */
async function confirm(claims: ClaimStore, held: Claim): Promise<void> {
  const isOurs = await claims.confirm(held).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SyncError('ABORTED', `its lease could not be confirmed: ${reason}`, { cause: error })
  })
  if (!isOurs) throw new SyncError('ABORTED', 'its lease was lost with the primary that gave it')
}

async function orGiveBack<T>(claims: ClaimStore, held: Claim, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await claims.release(held, { finished: false }).catch(() => undefined)
    throw error
  }
}

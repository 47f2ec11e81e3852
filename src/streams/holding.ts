import { randomUUID } from 'node:crypto'

import type { Collection, Db } from 'mongodb'

import { fromNow } from './from-now.ts'
import { IS_HELD, type Lease } from './lease-writes.ts'

/** Something that one process does at a time. */
export interface Holding extends AsyncDisposable {
  /** Aborted when it is not ours any more. */
  readonly signal: AbortSignal
}

/**
 * Takes a name among the leases for as long as a command works on it, by the server's clock; undefined while somebody else has it. It is
 * renewed until it is disposed of; whoever dies has it for `leaseSeconds` more.
 */
export async function hold(state: Db, name: string, owner: string, leaseSeconds: number): Promise<Holding | undefined> {
  const leases: Collection<Lease> = state.collection('leases')
  const attempt = randomUUID()
  const heldMs = leaseSeconds * 1_000
  const extended = { until: fromNow(heldMs), expires: fromNow(heldMs) }
  const taken = { owner: { $literal: owner }, attempt, ...extended }
  const lease = await leases.findOneAndUpdate(
    { _id: name },
    [{ $replaceWith: { $cond: [IS_HELD, '$$ROOT', { $mergeObjects: ['$$ROOT', taken] }] } }],
    { upsert: true, returnDocument: 'after', writeConcern: { w: 'majority' } },
  )
  if (lease?.attempt !== attempt) return undefined
  const controller = new AbortController()
  const renew = async (): Promise<void> => {
    const { matchedCount } = await leases.updateOne({ _id: name, attempt, $expr: IS_HELD }, [{ $set: extended }])
    if (matchedCount === 0) controller.abort(new Error(`${name} was taken over by somebody else`))
  }
  // A server that does not answer for a while says nothing; one that never does is met by the next step.
  const timer = setInterval(() => void renew().catch(() => undefined), heldMs / 3)
  return {
    signal: controller.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await leases.deleteOne({ _id: name, attempt }).catch(() => undefined)
    },
  }
}

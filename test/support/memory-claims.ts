import type { Claim, ClaimOptions, ClaimResult, SavedSession } from '../../src/model/claim.ts'
import type { ClaimStore } from '../../src/model/stores.ts'
import type { Transfer } from '../../src/model/transfer.ts'
import type { Clock } from '../../src/pipeline/clock.ts'
import { Attempt, type Seat } from '../../src/pipeline/attempt.ts'
import type { PermitParts } from '../../src/pipeline/permit.ts'

export const LEASE_MS = 30_000

export type AttemptParts = Partial<PermitParts> & { readonly seat?: Seat }

/** Leases in memory, by the test's clock. What stands in `fails` rejects. */
export class MemoryClaims implements ClaimStore {
  readonly leases = new Map<string, { readonly attemptId: string; readonly until: number }>()
  readonly sessions = new Map<string, SavedSession>()
  /** Stored with the lease, and not known to be used. */
  readonly reserved = new Map<string, SavedSession>()
  readonly calls: string[] = []
  readonly fails: Partial<Record<'claim' | 'renew' | 'saveSession' | 'release', Error>> = {}
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async claim(transfer: Transfer, attemptId: string, { reserve }: ClaimOptions = {}): Promise<ClaimResult> {
    await this.#called('claim', transfer)
    const now = this.#clock.wallTime().getTime()
    const lease = this.leases.get(transfer.targetKey)
    if (lease && lease.until > now) return { kind: 'busy', freeInMs: lease.until - now }
    this.leases.set(transfer.targetKey, { attemptId, until: now + LEASE_MS })
    const left = this.reserved.get(transfer.targetKey)
    this.reserved.delete(transfer.targetKey)
    if (left) this.sessions.set(transfer.targetKey, left)
    const reserved = this.sessions.has(transfer.targetKey) ? undefined : reserve
    if (reserved) this.reserved.set(transfer.targetKey, reserved)
    return { kind: 'claimed', claim: { ...this.#claimOf(transfer, attemptId), reserved } }
  }

  async renew(claim: Claim): Promise<Claim | undefined> {
    await this.#called('renew', claim.transfer)
    if (!this.#isHeld(claim)) return undefined
    this.leases.set(claim.transfer.targetKey, { attemptId: claim.attemptId, until: this.#clock.wallTime().getTime() + LEASE_MS })
    return this.#claimOf(claim.transfer, claim.attemptId)
  }

  async saveSession(claim: Claim, session: SavedSession): Promise<void> {
    await this.#called('saveSession', claim.transfer)
    if (!this.#isHeld(claim)) throw new Error('the lease is not ours any more')
    this.sessions.set(claim.transfer.targetKey, session)
    this.reserved.delete(claim.transfer.targetKey)
  }

  async release(claim: Claim, { finished }: { readonly finished: boolean }): Promise<void> {
    await this.#called(`release`, claim.transfer, finished ? ' finished' : '')
    if (this.#isHeld(claim)) this.leases.delete(claim.transfer.targetKey)
    if (finished) this.sessions.delete(claim.transfer.targetKey)
    else if (claim.session) this.sessions.set(claim.transfer.targetKey, claim.session)
    this.reserved.delete(claim.transfer.targetKey)
  }

  #claimOf(transfer: Transfer, attemptId: string): Claim {
    return {
      transfer,
      attemptId,
      until: new Date(this.#clock.wallTime().getTime() + LEASE_MS),
      localDeadline: this.#clock.now() + LEASE_MS * 0.8,
      session: this.sessions.get(transfer.targetKey),
    }
  }

  #isHeld({ transfer, attemptId }: Claim): boolean {
    return this.leases.get(transfer.targetKey)?.attemptId === attemptId
  }

  async #called(verb: keyof MemoryClaims['fails'], { key }: Transfer, more = ''): Promise<void> {
    this.calls.push(`${verb} ${key}${more}`)
    const fault = this.fails[verb]
    await Promise.resolve()
    if (fault) throw fault
  }
}

/** What permits need, where nobody else is at work and each record is as it was planned, unless `parts` has it otherwise. */
export function permitParts(claims: ClaimStore, clock: Clock, parts: Partial<PermitParts> = {}): PermitParts {
  return {
    claims,
    clock,
    renewEveryMs: LEASE_MS / 3,
    reread: async (planned) => Promise.resolve(planned),
    reserve: () => undefined,
    busy: () => undefined,
    isBacklogged: () => false,
    started: () => undefined,
    ...parts,
  }
}

/** An attempt whose permit was not asked for yet. */
export function attemptOf(claims: ClaimStore, transfer: Transfer, clock: Clock, { seat, ...parts }: AttemptParts = {}): Attempt {
  const attempt = new Attempt(transfer, permitParts(claims, clock, parts))
  attempt.begin(transfer, seat ?? { report: () => undefined, leave: () => undefined })
  return attempt
}

/** An attempt whose permit was asked for, and granted unless `parts` has it otherwise. */
export async function attemptAt(claims: ClaimStore, transfer: Transfer, clock: Clock, parts: AttemptParts = {}): Promise<Attempt> {
  const attempt = attemptOf(claims, transfer, clock, parts)
  attempt.permit.ask()
  await attempt.permit.isGranted()
  return attempt
}

import { randomUUID } from 'node:crypto'

import { messageOf, SyncError } from '../errors.ts'
import type { Claim, SavedSession } from '../model/claim.ts'
import type { ClaimStore } from '../model/stores.ts'
import type { Outcome } from '../model/outcome.ts'
import { isSameCopy, type Transfer } from '../model/transfer.ts'
import type { WritePermit } from '../providers/provider.ts'
import type { Attempt } from './attempt.ts'
import { every } from './every.ts'
import type { Clock } from './clock.ts'

export interface PermitParts {
  readonly claims: ClaimStore
  readonly clock: Clock
  /** The transfer as its document says it now; undefined when it is not pending any more. */
  readonly reread: (transfer: Transfer) => Promise<Transfer | undefined>
  /** Somebody else holds the place for so long, in milliseconds. */
  readonly busy: (transfer: Transfer, freeInMs: number) => void
  /** What the target would save first for a new file, where it is at hand. */
  readonly reserve: (transfer: Transfer) => SavedSession | undefined
  /** The attempt begins to count: others can see it from now on. */
  readonly started: (attempt: Attempt) => void
  readonly renewEveryMs: number
  /** Does more work wait for this site? */
  readonly isBacklogged: (site: string) => boolean
}

/**
 * The right of an attempt to make its file visible, and to write its result.
 *
 * - *asked*: the lease on the place is being taken, then the record is read again: what another instance finished before the lease was
 *   free is seen then. Without a slot it waits for one, and reads once more if a change was told meanwhile. Entered by `ask`.
 * - *granted*: the majority has the lease, and the record is pending as planned. The lease is renewed until the permit ends.
 * - *refused*: another instance has the place, the record is not pending as planned, or it could not be asked. The attempt ends as
 *   `refused` within a chunk.
 * - *ended*: the lease was given back (`end`), or lost: then the attempt ends as `released` within a chunk.
 */
export class Permit implements WritePermit {
  readonly attemptId = randomUUID()
  readonly #parts: PermitParts
  readonly #attempt: Attempt
  readonly #lease = Promise.withResolvers<void>()
  readonly #granted = Promise.withResolvers<void>()
  #claim: Claim | undefined
  #isGranted = false
  #asked: Promise<void> | undefined
  #released: Promise<void> | undefined
  /** What kept it from being asked for. */
  #fault: { readonly error: unknown } | undefined
  #stopRenewing: (() => void) | undefined
  #disarm: (() => void) | undefined

  constructor(parts: PermitParts, attempt: Attempt) {
    this.#parts = parts
    this.#attempt = attempt
    // Whoever needs them awaits them; perhaps nobody does.
    this.#lease.promise.catch(() => undefined)
    this.#granted.promise.catch(() => undefined)
  }

  get granted(): Promise<void> {
    return this.#granted.promise
  }

  get session(): Promise<SavedSession | undefined> {
    return this.#lease.promise.then(() => this.#claim?.session)
  }

  /** Of the lease. Throws before there is one. */
  get claim(): Claim {
    if (!this.#claim) throw new Error('there is no lease yet')
    return this.#claim
  }

  /** Once; again, it does nothing. */
  ask(): void {
    if (this.#asked) return
    const { signal } = this.#attempt
    signal.addEventListener('abort', () => this.#deny(signal.reason as Outcome), { once: true })
    this.#asked = this.#ask()
  }

  /** Resolves when it is known, and nothing is being asked any more; rejects with what kept it from being asked for. */
  async isGranted(): Promise<boolean> {
    await this.#asked
    if (this.#fault) throw this.#fault.error
    return this.#isGranted
  }

  /** Resolves when nothing is being asked any more, and a lease that was given back is free. Never rejects. */
  async over(): Promise<void> {
    await this.#asked
    await this.#released
  }

  async takeReserved(): Promise<SavedSession | undefined> {
    await this.#lease.promise
    const session = this.#claim?.reserved
    if (this.#claim && session) this.#claim = { ...this.#claim, session, reserved: undefined }
    return session
  }

  async saveSession(session: SavedSession): Promise<void> {
    await this.#lease.promise
    const { signal } = this.#attempt
    if (signal.aborted && (signal.reason as Outcome).kind === 'refused') throw new SyncError('ABORTED', 'it is not ours to do')
    try {
      await this.#parts.claims.saveSession(this.claim, session)
    } catch (error) {
      // Neither the file's fault nor a site's: the lease is lost, or the database is unavailable.
      throw new SyncError('ABORTED', `its progress could not be saved: ${messageOf(error)}`, { cause: error })
    }
    // The permit may have ended meanwhile.
    if (this.#claim) this.#claim = { ...this.#claim, session, reserved: undefined }
  }

  isAbandoned(): boolean {
    const { signal } = this.#attempt
    return signal.aborted && (signal.reason as Outcome).kind === 'dropped'
  }

  /** The lease is being given back, or was: whoever claims the place next waits for that. */
  get isGivenBack(): boolean {
    return this.#released !== undefined
  }

  /** Gives the lease back. One that can't be given back ends by itself. */
  end({ finished = false } = {}): void {
    this.#stopRenewing?.()
    this.#disarm?.()
    this.#stopRenewing = this.#disarm = undefined
    const claim = this.#claim
    this.#claim = undefined
    if (claim) this.#released = this.#parts.claims.release(claim, { finished }).catch(() => undefined)
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { claims, reread, reserve, busy, started, isBacklogged } = this.#parts
    const attempt = this.#attempt
    const planned = attempt.transfer
    try {
      const result = await claims.claim(planned, this.attemptId, { lingers: isBacklogged(planned.site), reserve: reserve(planned) })
      if (result.kind === 'busy') {
        busy(planned, result.freeInMs)
        return attempt.end({ kind: 'refused', reason: 'another instance has it' })
      }
      this.#keep(result.claim)
      if (attempt.signal.aborted) return this.end()
      this.#lease.resolve()
      let fresh = await reread(planned)
      if (!(await attempt.seated)) return this.end()
      if (attempt.isStale) fresh = await reread(attempt.transfer)
      if (attempt.signal.aborted) return
      const { tries } = attempt.transfer
      // One more failure since it was planned: its next attempt is for a later scan.
      if (!fresh || fresh.tries > tries) return attempt.end({ kind: 'refused', reason: 'it is not pending as it was planned' })
      if (!isSameCopy(attempt.transfer, fresh)) {
        attempt.changed = true
        return attempt.end({ kind: 'refused', reason: 'its document was changed' })
      }
      // The source stays the one that it is being read from.
      attempt.transfer = { ...fresh, route: attempt.transfer.route }
      this.#claim = { ...this.claim, transfer: attempt.transfer }
      this.#isGranted = true
      attempt.stage = 'running'
      started(attempt)
      this.#granted.resolve()
    } catch (error) {
      this.#fault = { error }
      attempt.end({ kind: 'refused', reason: messageOf(error) })
    }
  }

  #deny(outcome: Outcome): void {
    const why = new SyncError('ABORTED', 'reason' in outcome ? outcome.reason : 'stopped')
    this.#lease.reject(why)
    this.#granted.reject(why)
  }

  /**
   * Renews the lease until `end`. A lease that is lost ends the attempt at once, and so does one that was not renewed in time: it does not
   * matter whether its renewal failed, is still under way, or was not even asked for because this process stood still.
   */
  #keep(claim: Claim): void {
    const { claims, clock, renewEveryMs } = this.#parts
    this.#claim = claim
    this.#arm()
    this.#stopRenewing = every(clock, renewEveryMs, async () => {
      try {
        const renewed = await claims.renew(this.claim, this.#attempt.progress)
        if (!this.#claim) return
        if (!renewed) return this.#lose('its lease is not ours any more')
        // What is remembered with it may have changed meanwhile.
        this.#claim = { ...this.#claim, until: renewed.until, localDeadline: renewed.localDeadline }
        this.#arm()
      } catch {
        // Asked again, until its time is over.
      }
    })
  }

  #arm(): void {
    const { clock } = this.#parts
    this.#disarm?.()
    this.#disarm = clock.after(Math.max(0, this.claim.localDeadline - clock.now()), () => this.#lose('its lease could not be renewed'))
  }

  #lose(reason: string): void {
    if (!this.#isGranted) this.#parts.busy(this.#attempt.transfer, 0)
    this.#attempt.end(this.#isGranted ? { kind: 'released', reason, isLeaseLost: true } : { kind: 'refused', reason })
  }
}

import type { Outcome } from '../model/outcome.ts'
import type { Transfer } from '../model/transfer.ts'
import { Permit, type PermitParts } from './permit.ts'

/** What an attempt takes of the sites at both ends: a slot and the right to use the site. */
export interface Seat {
  /** What was learnt about the sites; the first word counts. */
  report(outcome: Outcome | undefined): void
  /** The slots are free for other work. */
  leave(): void
}

/**
 * One transfer under way, from the moment it has a slot until its result is written.
 *
 * - `asking`: bytes may be read, hashed and sent to where nobody sees them; the permit was asked for. Left when it is granted, or refused.
 * - `running`: the permit was granted, and the log says that the transfer started. Left when the bytes are verified or the attempt failed.
 * - `verified`: the outcome is known and is being written. The sites' slots are free.
 */
export class Attempt {
  /** As the document said it; once the permit is granted, as it was read after the lease was taken. */
  transfer: Transfer
  readonly permit: Permit
  readonly startedAt: number
  /** Its document changed while it ran: to be looked at again. */
  changed = false
  /** Bytes stored at the target so far, of `size`. */
  progress = { bytes: 0, size: 0 }
  stage: 'asking' | 'running' | 'verified' = 'asking'
  readonly #abort = new AbortController()
  readonly #seat: Seat

  constructor(transfer: Transfer, seat: Seat, parts: PermitParts) {
    this.transfer = transfer
    this.#seat = seat
    this.startedAt = parts.clock.now()
    this.permit = new Permit(parts, this)
  }

  get id(): string {
    return this.permit.attemptId
  }

  /** Aborted with the outcome as its reason. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Ends it within a chunk, with this outcome. */
  end(outcome: Outcome): void {
    this.#abort.abort(outcome)
  }

  /** The sites learn what came of it. */
  verified(outcome: Outcome): void {
    this.stage = 'verified'
    this.#seat.report(outcome)
  }

  leave(): void {
    this.#seat.report(undefined)
    this.#seat.leave()
  }
}

import type { Outcome } from '../model/outcome.ts'
import type { Endpoints, Source, Transfer } from '../model/transfer.ts'
import type { Clock } from './clock.ts'
import { Permit, type PermitParts } from './permit.ts'

/** What an attempt takes of the sites at both ends: a slot and the right to use the site. */
export interface Seat {
  /** What was learnt about the sites; the first word counts. */
  report(outcome: Outcome | undefined): void
  /** The slots are free for other work. */
  leave(): void
  /** What it takes of another source, beside what it has; undefined when that site can't be used now. */
  besides?(source: Source): Seat | undefined
}

/** One seat of several. */
export function seatAt(ends: readonly Seat[]): Seat {
  return {
    report: (outcome) => ends.forEach((end) => end.report(outcome)),
    leave: () => ends.forEach((end) => end.leave()),
  }
}

/**
 * One transfer under way, from the moment it has a slot, or is next to have one, until its result is written.
 *
 * - `asking`: the permit was asked for. Once it has its slot, bytes may be read, hashed and sent to where nobody sees them. Left when the
 *   permit is granted, which takes both, or refused.
 * - `running`: the permit was granted, and the log says that the transfer started. Left when the bytes are verified or the attempt failed.
 * - `verified`: the outcome is known and is being written. The sites' slots are free.
 */
export class Attempt {
  /** As the document said it; once the permit is granted, as it was read after the lease was taken. */
  transfer: Transfer
  readonly permit: Permit
  /** When it had its slot. */
  startedAt: number
  /** It has its slot; false when it ended without. */
  readonly seated: Promise<boolean>
  /** Its document changed while it ran: to be looked at again. */
  changed = false
  /** Its document changed while it had no slot. */
  isStale = false
  /** Bytes stored at the target so far, of `size`. */
  progress = { bytes: 0, size: 0 }
  /** Bytes of these that an earlier attempt had stored. */
  resumedFrom = 0
  stage: 'asking' | 'running' | 'verified' = 'asking'
  readonly #abort = new AbortController()
  readonly #clock: Clock
  readonly #seats: Seat[] = []
  readonly #seated = Promise.withResolvers<boolean>()

  constructor(transfer: Transfer, parts: PermitParts) {
    this.transfer = transfer
    this.#clock = parts.clock
    this.startedAt = parts.clock.now()
    this.seated = this.#seated.promise
    this.permit = new Permit(parts, this)
  }

  get id(): string {
    return this.permit.attemptId
  }

  /** Aborted with the outcome as its reason. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** It has its slot; `transfer`: as it was found last. */
  begin(transfer: Transfer, seat: Seat): void {
    this.transfer = transfer
    this.startedAt = this.#clock.now()
    this.#seats.push(seat)
    this.#seated.resolve(true)
  }

  /** Ends it within a chunk, with this outcome. */
  end(outcome: Outcome): void {
    this.#seated.resolve(false)
    this.#abort.abort(outcome)
  }

  /** Goes on from another source. False when that site can't be used now. */
  comeFrom(route: Endpoints): boolean {
    const [first] = this.#seats
    const seat = first?.besides?.(route)
    if (first?.besides && !seat) return false
    if (seat) this.#seats.push(seat)
    this.transfer = { ...this.transfer, route }
    this.progress = { bytes: 0, size: 0 }
    return true
  }

  /** The sites learn what came of it. */
  verified(outcome: Outcome): void {
    this.stage = 'verified'
    for (const seat of this.#seats) seat.report(outcome)
  }

  leave(): void {
    for (const seat of this.#seats) {
      seat.report(undefined)
      seat.leave()
    }
  }
}

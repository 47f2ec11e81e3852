import type { ClaimStore } from '../model/claim.ts'
import type { Clock } from './clock.ts'
import type { Held } from './contracts.ts'
import type { RunningTransfer, TransferQueue } from './transfer-queue.ts'

export interface ClaimsAheadParts {
  readonly queue: TransferQueue
  readonly clock: Clock
  readonly claims: Pick<ClaimStore, 'release'>
  /** Takes the lease; undefined when there is nothing to do here. */
  readonly claim: (running: RunningTransfer) => Promise<Held | undefined>
  /** Leases that may wait for a slot of this site at most. */
  readonly mostAhead: (site: string) => number
  /** How long one may wait, in milliseconds. */
  readonly patienceMs: number
  /** A lease that has less left than this is no use: it would be over before it is renewed. Milliseconds. */
  readonly leastLeftMs: number
  /** A lease could not be taken, and nobody waited for it. */
  readonly unexpected: (error: unknown, running: RunningTransfer) => void
  /** Given back, and its document changed meanwhile: to be looked at again. */
  readonly changed: (running: RunningTransfer) => void
}

/** What slots used up within this time will be used up again in as much. */
const PACE_MS = 500
/** How long others are believed to be at the same work after one of them was met. */
const CONTESTED_MS = 10_000
/** Where others are at the same work, most leases that are asked for are theirs. */
const MORE_WHEN_CONTESTED = 4

interface Reserved {
  readonly running: RunningTransfer
  readonly since: number
  readonly held: Promise<Held | undefined>
}

interface Line {
  readonly reserved: Reserved[]
  /** Those that have a slot, and wait for their source. */
  readonly taken: Map<RunningTransfer, Reserved>
  /** When slots began with their latest transfers. */
  readonly pace: number[]
  contestedUntil: number
  disarm?: () => void
}

/**
 * Takes the next leases of a site together while its slots are busy, so that a slot which gets free need not wait for the database,
 * and many leases share a round trip. No more than the slots will use up within half a second, going by the last one: large files
 * reserve nothing. What waits too long all the same, because they grew or because their source is left alone, is given back for others
 * to take.
 */
export class ClaimsAhead {
  readonly #parts: ClaimsAheadParts
  readonly #lines = new Map<string, Line>()
  readonly #givenBack = new Set<Promise<void>>()
  /** Leases of transfers that have a slot, on their way back: to be taken again only afterwards. */
  readonly #returning = new WeakMap<RunningTransfer, Promise<void>>()
  #closed = false

  constructor(parts: ClaimsAheadParts) {
    this.#parts = parts
  }

  /** The most urgent transfer of a site; undefined when there is none. It counts as running until the queue is told that it is done. */
  take(site: string): RunningTransfer | undefined {
    if (this.#parts.mostAhead(site) <= 0 || this.#closed) return this.#parts.queue.take(site)
    const line = this.#line(site)
    const next = this.#reserved(site, line) ?? this.#next(site, line)
    if (next) this.#reserveMore(site, line)
    return next
  }

  /** Its lease, which may have been taken already, and has time left; undefined when there is nothing to do here. */
  async claim(running: RunningTransfer): Promise<Held | undefined> {
    const { claim, claims, clock, mostAhead, leastLeftMs } = this.#parts
    const { taken } = this.#line(running.transfer.site)
    const reserved = taken.get(running)
    taken.delete(running)
    await this.#returning.get(running)
    let held = await (reserved?.held ?? claim(running))
    while (held && held.claim.localDeadline - clock.now() <= leastLeftMs) {
      await claims.release(held.claim, { finished: false }).catch(() => undefined)
      held = await claim(running)
    }
    if (held) held.startedAt = clock.now()
    const { site } = running.transfer
    if (mostAhead(site) <= 0) return held
    const line = this.#line(site)
    if (held) line.pace.push(held.startedAt)
    else this.#contested(line)
    return held
  }

  /** Gives back what waits, and reserves no more. */
  close(): void {
    this.#closed = true
    for (const line of this.#lines.values()) {
      line.disarm?.()
      for (const reserved of line.reserved.splice(0)) this.#giveBack(reserved)
      for (const reserved of line.taken.values()) this.#returnLease(line, reserved)
    }
  }

  /** Resolves when everything that was given back is. */
  async settled(): Promise<void> {
    await Promise.all(this.#givenBack)
  }

  /** The one that has waited longest, unless something more urgent came since. */
  #reserved(site: string, line: Line): RunningTransfer | undefined {
    const [first] = line.reserved
    if (!first || (this.#parts.queue.highestPriorityAt(site) ?? -Infinity) > first.running.transfer.priority) return undefined
    line.reserved.shift()
    line.taken.set(first.running, first)
    return first.running
  }

  #next(site: string, line: Line): RunningTransfer | undefined {
    const { queue, clock } = this.#parts
    return queue.take(site, clock.now() < line.contestedUntil ? clock.random() : 0)
  }

  #reserveMore(site: string, line: Line): void {
    const { clock, claim, mostAhead } = this.#parts
    const now = clock.now()
    while (line.pace.length > mostAhead(site) || now - (line.pace[0] ?? now) > PACE_MS) line.pace.shift()
    const wanted = line.pace.length * (now < line.contestedUntil ? MORE_WHEN_CONTESTED : 1)
    // Half of them at once rather than one by one.
    if (line.reserved.length > wanted / 2) return
    while (line.reserved.length < wanted) {
      const running = this.#next(site, line)
      if (!running) break
      const reserved = { running, since: now, held: claim(running) }
      line.reserved.push(reserved)
      reserved.held.then(
        (held) => held ?? this.#drop(site, line, reserved),
        // Whoever takes it hears of it.
        () => undefined,
      )
    }
    if (line.reserved.length > 0) this.#arm(line)
  }

  /** It is somebody else's, or done: no slot has to find that out, and there is room for another. */
  #drop(site: string, line: Line, reserved: Reserved): void {
    this.#contested(line)
    const at = line.reserved.indexOf(reserved)
    if (at < 0) return
    line.reserved.splice(at, 1)
    this.#end(reserved.running)
    if (!this.#closed) this.#reserveMore(site, line)
  }

  /**
   * Another instance was there first: they have the same work before them, in the same order. Who goes on there meets the others at
   * each file; so for a while ours are taken from here and there.
   */
  #contested(line: Line): void {
    line.contestedUntil = this.#parts.clock.now() + CONTESTED_MS
  }

  #end(running: RunningTransfer): void {
    this.#parts.queue.done(running)
    if (running.changed) this.#parts.changed(running)
  }

  #arm(line: Line): void {
    const { clock, patienceMs } = this.#parts
    const [taken] = line.taken.values()
    const first = taken ?? line.reserved[0]
    if (line.disarm || !first) return
    line.disarm = clock.after(Math.max(0, first.since + patienceMs - clock.now()), () => {
      delete line.disarm
      const late = clock.now() - patienceMs
      while ((line.reserved[0]?.since ?? Infinity) <= late) this.#giveBack(line.reserved.shift() as Reserved)
      for (const reserved of line.taken.values()) if (reserved.since <= late) this.#returnLease(line, reserved)
      this.#arm(line)
    })
  }

  /** Nobody works with it: its transfer waits on, and takes another lease when it is its turn. */
  #returnLease(line: Line, { running, held }: Reserved): void {
    line.taken.delete(running)
    const release = async (): Promise<void> => {
      // A lease that could not be taken is told of when it can't be taken again.
      const claimed = await held.catch(() => undefined)
      if (claimed) await this.#parts.claims.release(claimed.claim, { finished: false }).catch(() => undefined)
    }
    const returned = this.#untilGivenBack(release())
    this.#returning.set(running, returned)
  }

  #giveBack(reserved: Reserved): void {
    void this.#untilGivenBack(this.#release(reserved))
  }

  /** Remembers it until it has ended. */
  #untilGivenBack(work: Promise<void>): Promise<void> {
    const ended: Promise<void> = work.finally(() => this.#givenBack.delete(ended))
    this.#givenBack.add(ended)
    return ended
  }

  async #release({ running, held }: Reserved): Promise<void> {
    const { claims, queue, unexpected } = this.#parts
    try {
      const claimed = await held
      if (claimed) {
        await claims.release(claimed.claim, { finished: false }).catch(() => undefined)
        queue.putBack(running)
      }
    } catch (error) {
      unexpected(error, running)
    }
    this.#end(running)
  }

  #line(site: string): Line {
    let line = this.#lines.get(site)
    if (!line) this.#lines.set(site, (line = { reserved: [], taken: new Map(), pace: [], contestedUntil: 0 }))
    return line
  }
}

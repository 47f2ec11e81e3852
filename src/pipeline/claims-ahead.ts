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
  /** A lease could not be taken, and nobody waited for it. */
  readonly unexpected: (error: unknown, running: RunningTransfer) => void
  /** Given back, and its document changed meanwhile: to be looked at again. */
  readonly changed: (running: RunningTransfer) => void
}

/** What slots used up within this time will be used up again in as much. */
const PACE_MS = 500

interface Reserved {
  readonly running: RunningTransfer
  readonly since: number
  readonly held: Promise<Held | undefined>
}

interface Line {
  readonly reserved: Reserved[]
  /** When slots were given their latest transfers. */
  readonly pace: number[]
  disarm?: () => void
}

/**
 * Takes the next leases of a site together while its slots are busy, so that a slot which gets free need not wait for the database,
 * and many leases share a round trip. No more than the slots will use up within half a second, going by the last one: large files
 * reserve nothing. What waits too long all the same, because they grew, is given back for others to take.
 */
export class ClaimsAhead {
  readonly #parts: ClaimsAheadParts
  readonly #lines = new Map<string, Line>()
  readonly #taken = new WeakMap<RunningTransfer, Promise<Held | undefined>>()
  readonly #givenBack = new Set<Promise<void>>()
  #closed = false

  constructor(parts: ClaimsAheadParts) {
    this.#parts = parts
  }

  /** The most urgent transfer of a site; undefined when there is none. It counts as running until the queue is told that it is done. */
  take(site: string): RunningTransfer | undefined {
    const most = this.#parts.mostAhead(site)
    if (most <= 0 || this.#closed) return this.#parts.queue.take(site)
    const line = this.#line(site)
    const next = this.#reserved(site, line) ?? this.#parts.queue.take(site)
    if (next) this.#reserveMore(site, line, most)
    return next
  }

  /** Its lease, which may have been taken already; undefined when there is nothing to do here. */
  async claim(running: RunningTransfer): Promise<Held | undefined> {
    const { claim, clock } = this.#parts
    const held = await (this.#taken.get(running) ?? claim(running))
    if (held) held.startedAt = clock.now()
    return held
  }

  /** Gives back what waits, and reserves no more. */
  close(): void {
    this.#closed = true
    for (const line of this.#lines.values()) {
      line.disarm?.()
      for (const reserved of line.reserved.splice(0)) this.#giveBack(reserved)
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
    this.#taken.set(first.running, first.held)
    return first.running
  }

  #reserveMore(site: string, line: Line, most: number): void {
    const { queue, clock, claim } = this.#parts
    const now = clock.now()
    line.pace.push(now)
    while (line.pace.length > most + 1 || now - (line.pace[0] ?? now) > PACE_MS) line.pace.shift()
    // This one aside: a slot that was free for long says nothing.
    const wanted = line.pace.length - 1
    // Half of them at once rather than one by one.
    if (line.reserved.length > wanted / 2) return
    while (line.reserved.length < wanted) {
      const running = queue.take(site)
      if (!running) break
      const held = claim(running)
      // Whoever takes it hears of it.
      held.catch(() => undefined)
      line.reserved.push({ running, since: now, held })
    }
    if (line.reserved.length > 0) this.#arm(line)
  }

  #arm(line: Line): void {
    if (line.disarm) return
    const { clock, patienceMs } = this.#parts
    const [first] = line.reserved
    if (!first) return
    line.disarm = clock.after(Math.max(0, first.since + patienceMs - clock.now()), () => {
      delete line.disarm
      const late = clock.now() - patienceMs
      while ((line.reserved[0]?.since ?? Infinity) <= late) this.#giveBack(line.reserved.shift() as Reserved)
      this.#arm(line)
    })
  }

  #giveBack(reserved: Reserved): void {
    const ended = this.#release(reserved).finally(() => this.#givenBack.delete(ended))
    this.#givenBack.add(ended)
  }

  async #release({ running, held }: Reserved): Promise<void> {
    const { claims, queue, unexpected, changed } = this.#parts
    try {
      const claimed = await held
      if (claimed) {
        await claims.release(claimed.claim, { finished: false }).catch(() => undefined)
        queue.putBack(running)
      }
    } catch (error) {
      unexpected(error, running)
    }
    queue.done(running)
    if (running.changed) changed(running)
  }

  #line(site: string): Line {
    let line = this.#lines.get(site)
    if (!line) this.#lines.set(site, (line = { reserved: [], pace: [] }))
    return line
  }
}

import type { Transfer } from '../model/transfer.ts'

interface Entry {
  /** As it was found last. */
  transfer: Transfer
  /** When it was found first. */
  readonly since: number
  /** Taken, replaced or evicted: only its place in line is left. */
  gone: boolean
}

/** What is to become of a transfer whose turn it is: it is taken, stays for a later turn, or leaves without being taken. */
export type Turn = 'take' | 'stay' | 'leave'

/** `since`: when it was queued first. */
export type Decide = (transfer: Transfer, since: number) => Turn

/** Entries of one priority: projects in turn, each first come, first served. */
class Lane {
  readonly #projects = new Map<string, Entry[]>()
  readonly #counts = new Map<string, number>()
  size = 0

  countOf(project: string): number {
    return this.#counts.get(project) ?? 0
  }

  /** The project with the most entries. */
  get largest(): string | undefined {
    let largest: string | undefined
    for (const [project, count] of this.#counts) if (largest === undefined || count > this.countOf(largest)) largest = project
    return largest
  }

  add(entry: Entry): void {
    this.#counts.set(entry.transfer.project, this.countOf(entry.transfer.project) + 1)
    const line = this.#projects.get(entry.transfer.project)
    if (line) line.push(entry)
    else this.#projects.set(entry.transfer.project, [entry])
    this.size++
  }

  /** The first one that is to be taken; `removed` hears of those that leave. */
  take(decide: Decide, removed: (entry: Entry) => void): Entry | undefined {
    for (const [project, line] of this.#projects) {
      for (let at = 0; at < line.length;) {
        const entry = line[at] as Entry
        const turn = entry.gone ? 'leave' : decide(entry.transfer, entry.since)
        if (turn === 'stay') {
          at++
          continue
        }
        line.splice(at, 1)
        if (!entry.gone) removed(entry)
        if (turn === 'leave') continue
        // The next project has its turn.
        this.#projects.delete(project)
        if (line.length > 0) this.#projects.set(project, line)
        return entry
      }
      if (line.length === 0) this.#projects.delete(project)
    }
    return undefined
  }

  /** In the order in which they are taken, as long as none stays and none is added. */
  *upcoming(): Generator<Transfer> {
    for (let at = 0, isMore = true; isMore; at++) {
      isMore = false
      for (const line of this.#projects.values()) {
        const entry = line[at]
        if (entry && !entry.gone) yield entry.transfer
        isMore ||= entry !== undefined
      }
    }
  }

  /** The one that came last to the project with the most. */
  pop(): Entry | undefined {
    const project = this.largest ?? ''
    const line = this.#projects.get(project) ?? []
    let entry = line.pop()
    while (entry?.gone === true) entry = line.pop()
    if (line.length === 0) this.#projects.delete(project)
    return entry
  }

  /** It was taken or has left. */
  removed({ transfer: { project } }: Entry): void {
    this.size--
    const left = this.countOf(project) - 1
    if (left > 0) this.#counts.set(project, left)
    else this.#counts.delete(project)
  }
}

/**
 * The transfers of one site that wait for a slot, most urgent first, at most so many. Within a priority the projects are served in
 * turn, and within a project in the order of their coming. When it is full, what is less urgent makes room, and among equals the
 * project that has more than its share.
 */
export class SiteQueue {
  readonly #lanes = new Map<number, Lane>()
  readonly #entries = new Map<string, Entry>()
  /** How many there are of each representation. */
  readonly #counts = new Map<string, number>()
  readonly #maxQueued: number

  constructor(maxQueued: number) {
    this.#maxQueued = maxQueued
  }

  get size(): number {
    return this.#entries.size
  }

  has(representationKey: string): boolean {
    return this.#counts.has(representationKey)
  }

  /** Of what waits; undefined when nothing does. */
  get lowestPriority(): number | undefined {
    return this.#lanes.size === 0 ? undefined : Math.min(...this.#lanes.keys())
  }

  /**
   * - `added`: one more is waiting.
   * - `updated`: it waits already; its place follows its priority.
   * - `replaced`: a less urgent one had to leave, or one of a project with more of them.
   * - `refused`: everything that waits has the better right.
   */
  add(transfer: Transfer, since = 0): 'added' | 'updated' | 'replaced' | 'refused' {
    const known = this.#entries.get(transfer.key)
    if (known) {
      if (known.transfer.priority === transfer.priority) known.transfer = transfer
      else {
        this.#remove(known)
        this.#insert(transfer, known.since)
      }
      return 'updated'
    }
    if (this.#entries.size < this.#maxQueued) {
      this.#insert(transfer, since)
      return 'added'
    }
    const lowest = this.lowestPriority ?? 0
    if (lowest > transfer.priority || (lowest === transfer.priority && !this.yieldsTo(transfer.project))) return 'refused'
    const last = this.#lanes.get(lowest)?.pop()
    if (last) this.#remove(last)
    this.#insert(transfer, since)
    return 'replaced'
  }

  /** Is there a project among the least urgent that has more of them than this one would have with one more? */
  yieldsTo(project: string): boolean {
    const lane = this.#lanes.get(this.lowestPriority ?? 0)
    return lane?.largest !== undefined && lane.countOf(lane.largest) > lane.countOf(project) + 1
  }

  /** The most urgent one that is to be taken. `decide` is asked for each in turn until one is. */
  take(decide: Decide = () => 'take'): Transfer | undefined {
    for (const priority of this.#priorities()) {
      const entry = this.#lanes.get(priority)?.take(decide, (removed) => this.#remove(removed))
      if (entry) return entry.transfer
    }
    return undefined
  }

  /** The next ones, at most so many; they stay. */
  upcoming(count: number): readonly Transfer[] {
    const next: Transfer[] = []
    for (const priority of this.#priorities()) {
      for (const transfer of this.#lanes.get(priority)?.upcoming() ?? []) {
        if (next.length === count) return next
        next.push(transfer)
      }
    }
    return next
  }

  /** Lets go of those that are not to be kept. */
  keep(isKept: (transfer: Transfer) => boolean): void {
    for (const entry of this.#entries.values()) if (!isKept(entry.transfer)) this.#remove(entry)
  }

  clear(): void {
    this.#lanes.clear()
    this.#entries.clear()
    this.#counts.clear()
  }

  /** The most urgent first. */
  #priorities(): readonly number[] {
    return [...this.#lanes.keys()].sort((a, b) => b - a)
  }

  #insert(transfer: Transfer, since: number): void {
    const entry = { transfer, since, gone: false }
    let lane = this.#lanes.get(transfer.priority)
    if (!lane) this.#lanes.set(transfer.priority, (lane = new Lane()))
    lane.add(entry)
    this.#entries.set(transfer.key, entry)
    this.#count(transfer, 1)
  }

  #remove(entry: Entry): void {
    const { key, priority } = entry.transfer
    entry.gone = true
    this.#entries.delete(key)
    this.#count(entry.transfer, -1)
    const lane = this.#lanes.get(priority)
    lane?.removed(entry)
    if (lane?.size === 0) this.#lanes.delete(priority)
  }

  #count({ representationKey }: Transfer, more: number): void {
    const count = (this.#counts.get(representationKey) ?? 0) + more
    if (count > 0) this.#counts.set(representationKey, count)
    else this.#counts.delete(representationKey)
  }
}

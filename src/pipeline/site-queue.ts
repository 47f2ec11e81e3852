import type { Transfer } from '../model/transfer.ts'

interface Entry {
  /** As it was found last. */
  transfer: Transfer
  /** Taken, replaced or evicted: only its place in line is left. */
  gone: boolean
}

/** Entries of one priority: projects in turn, each first come, first served. */
class Lane {
  readonly #projects = new Map<string, Entry[]>()
  size = 0

  add(entry: Entry): void {
    const line = this.#projects.get(entry.transfer.project)
    if (line) line.push(entry)
    else this.#projects.set(entry.transfer.project, [entry])
    this.size++
  }

  shift(): Entry | undefined {
    for (const [project, line] of this.#projects) {
      this.#projects.delete(project)
      let entry = line.shift()
      while (entry?.gone === true) entry = line.shift()
      if (line.length > 0) this.#projects.set(project, line)
      if (entry) return entry
    }
    return undefined
  }

  /** The one that came last. */
  pop(): Entry | undefined {
    for (const [project, line] of [...this.#projects].toReversed()) {
      let entry = line.pop()
      while (entry?.gone === true) entry = line.pop()
      if (line.length === 0) this.#projects.delete(project)
      if (entry) return entry
    }
    return undefined
  }
}

/**
 * The transfers of one site that wait for a slot, most urgent first, at most so many. Within a priority the projects are served in
 * turn, and within a project in the order of their coming.
 */
export class SiteQueue {
  readonly #lanes = new Map<number, Lane>()
  readonly #entries = new Map<string, Entry>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#entries.size
  }

  /** Of what waits; undefined when nothing does. */
  get lowestPriority(): number | undefined {
    return this.#lanes.size === 0 ? undefined : Math.min(...this.#lanes.keys())
  }

  /**
   * - `added`: one more is waiting.
   * - `updated`: it waits already; its place follows its priority.
   * - `replaced`: a less urgent one had to leave.
   * - `refused`: everything that waits is at least as urgent.
   */
  add(transfer: Transfer): 'added' | 'updated' | 'replaced' | 'refused' {
    const known = this.#entries.get(transfer.key)
    if (known) {
      if (known.transfer.priority === transfer.priority) known.transfer = transfer
      else {
        this.#remove(known)
        this.#insert(transfer)
      }
      return 'updated'
    }
    if (this.#entries.size < this.#most) {
      this.#insert(transfer)
      return 'added'
    }
    const lowest = this.lowestPriority ?? 0
    if (lowest >= transfer.priority) return 'refused'
    const last = this.#lanes.get(lowest)?.pop()
    if (last) this.#remove(last)
    this.#insert(transfer)
    return 'replaced'
  }

  /** The most urgent one. */
  take(): Transfer | undefined {
    if (this.#entries.size === 0) return undefined
    const entry = this.#lanes.get(Math.max(...this.#lanes.keys()))?.shift()
    if (!entry) return undefined
    this.#remove(entry)
    return entry.transfer
  }

  #insert(transfer: Transfer): void {
    const entry = { transfer, gone: false }
    let lane = this.#lanes.get(transfer.priority)
    if (!lane) this.#lanes.set(transfer.priority, (lane = new Lane()))
    lane.add(entry)
    this.#entries.set(transfer.key, entry)
  }

  #remove(entry: Entry): void {
    const { key, priority } = entry.transfer
    entry.gone = true
    this.#entries.delete(key)
    const lane = this.#lanes.get(priority)
    if (lane && --lane.size === 0) this.#lanes.delete(priority)
  }
}

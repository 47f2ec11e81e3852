/** Things to be done at a moment of simulated time, earliest first; a binary heap. */
export class EventQueue {
  readonly #heap: { readonly at: number; readonly order: number; readonly run: () => void }[] = []
  #order = 0
  /** Simulated milliseconds. */
  now = 0

  after(ms: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ at: this.now + ms, order: this.#order++, run })
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1
      if (!this.#isBefore(child, parent)) break
      this.#swap(child, parent)
      child = parent
    }
  }

  /** Runs until nothing is left or `until` is over. */
  run(until = Number.POSITIVE_INFINITY): void {
    for (let next = this.#pop(); next; next = this.#pop()) {
      if (next.at > until) return
      this.now = next.at
      next.run()
    }
  }

  #pop(): { readonly at: number; readonly run: () => void } | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    heap[0] = last
    for (let parent = 0; ;) {
      const left = 2 * parent + 1
      const right = left + 1
      let least = parent
      if (left < heap.length && this.#isBefore(left, least)) least = left
      if (right < heap.length && this.#isBefore(right, least)) least = right
      if (least === parent) return first
      this.#swap(parent, least)
      parent = least
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]]
    if (!a || !b) return false
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]]
    if (a) this.#heap[other] = a
    if (b) this.#heap[one] = b
  }
}

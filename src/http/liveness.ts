/** MongoDB has not answered to a heartbeat for so long. Milliseconds. */
const SILENT_MS = 60_000
/** It has to be known to be well for so long before the silence is this process's fault: a heartbeat after an outage takes a while. */
const FINE_MS = 60_000

export interface LivenessParts {
  /** Since MongoDB last answered to a heartbeat; undefined where none is due. Milliseconds. */
  readonly silentMs: () => number | undefined
  /** What is wrong with MongoDB, asked over another connection; undefined where nothing is. */
  readonly fault: () => Promise<string | undefined>
  readonly now?: () => number
}

/**
 * Does the process itself work, so that a restart would not help? Its event loop does, since it answers. Its heartbeat has to come through
 * to MongoDB as well, unless MongoDB is the one that is unavailable: a restart mends nothing then. Answers at once: what is wrong with
 * MongoDB is found out for the next time.
 */
export class Liveness {
  readonly #parts: LivenessParts
  readonly #now: () => number
  #fineSince: number | undefined
  #isAsking = false

  constructor(parts: LivenessParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => performance.now())
  }

  /** Why the process is to be started again; undefined when it works. */
  check(): string | undefined {
    const silentMs = this.#parts.silentMs() ?? 0
    if (silentMs < SILENT_MS) {
      this.#fineSince = undefined
      return undefined
    }
    if (!this.#isAsking) void this.#ask()
    if (this.#fineSince === undefined || this.#now() - this.#fineSince < FINE_MS) return undefined
    return `no heartbeat has come through for ${Math.round(silentMs / 1_000)} s, although MongoDB answers`
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    const fault = await this.#parts.fault().catch(String)
    this.#isAsking = false
    if (fault !== undefined) this.#fineSince = undefined
    else this.#fineSince ??= this.#now()
  }
}

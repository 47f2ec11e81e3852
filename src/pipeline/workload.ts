import { defer, finalize } from 'rxjs'

import type { Steps } from './contracts.ts'
import type { RunningTransfer, TransferQueue } from './transfer-queue.ts'

interface Counts {
  /** Started and not yet verified: they hold a slot. */
  readonly running: number
  /** To be done and not under way: queued, reserved, or waiting for a site. */
  readonly queued: number
}

/** How much there is to do, and how much of it is being done, as people understand it. */
export class Workload {
  readonly #queue: TransferQueue
  readonly #stages = new WeakMap<RunningTransfer, 'started' | 'verified'>()

  constructor(queue: TransferQueue) {
    this.#queue = queue
  }

  /** The same steps, with an eye on them. */
  watched(steps: Steps): Steps {
    return {
      ...steps,
      transfer: (held) =>
        defer(() => {
          this.#stages.set(held.running, 'started')
          return steps.transfer(held)
        }),
      verify: (held, written) => steps.verify(held, written).pipe(finalize(() => this.#stages.set(held.running, 'verified'))),
    }
  }

  at(site: string): Counts {
    const taken = [...this.#queue.running.values()].filter(({ transfer }) => transfer.site === site)
    const stages = taken.map((running) => this.#stages.get(running))
    return {
      running: stages.filter((stage) => stage === 'started').length,
      queued: this.#queue.waitingAt(site) + stages.filter((stage) => stage === undefined).length,
    }
  }
}

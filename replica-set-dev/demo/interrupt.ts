import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal told the demo to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  /** As shells count it: 130 for Ctrl-C, 143 for SIGTERM. */
  readonly exitCode: number

  constructor(signal: (typeof SIGNALS)[number]) {
    super(`ended by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

export interface Interrupt {
  readonly signal: AbortSignal
  readonly release: () => void
}

/** A second Ctrl-C within this time is the same one: a terminal tells npm and us, and npm tells us again. */
const SAME_MS = 500

/** The first signal aborts, so that everything is put away; the next one ends the process at once, and the guards put away. */
export function listenForSignals(): Interrupt {
  const controller = new AbortController()
  let first = 0
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    const interrupted = new Interrupted(name)
    if (!controller.signal.aborted) {
      first = performance.now()
      controller.abort(interrupted)
    } else if (performance.now() - first > SAME_MS) process.exit(interrupted.exitCode)
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  return {
    signal: controller.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal)
    },
  }
}

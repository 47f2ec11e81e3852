import { UnsupportedServerError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import type { Connections } from '../streams/connect.ts'
import { REMIND_MS } from '../streams/outage.ts'
import { sleep } from '../streams/waiting.ts'

export interface ConnectedParts {
  readonly connections: Connections
  readonly log: Log
  readonly signal: AbortSignal
  /** What else has to go well. */
  readonly prepare?: () => Promise<void>
  /** How long a server is waited for, in milliseconds. @defaultValue until the signal */
  readonly patienceMs?: number
}

/** Connects as soon as there is a server; false when there is none in time, or before the signal. Rejects with an `UnsupportedServerError`. */
export async function connected({ connections, log, signal, prepare, patienceMs = Infinity }: ConnectedParts): Promise<boolean> {
  const startedAt = performance.now()
  let toldAt = -Infinity
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await connections.open()
      await prepare?.()
      log.event('database.connected')
      if (failures > 0) log.event('database.recovered')
      return true
    } catch (error) {
      if (error instanceof UnsupportedServerError) throw error
      if (performance.now() - toldAt > REMIND_MS) {
        toldAt = performance.now()
        log.event('database.lost', { error })
      }
      if (performance.now() - startedAt > patienceMs) return false
      await sleep(1_000, signal)
    }
  }
  return false
}

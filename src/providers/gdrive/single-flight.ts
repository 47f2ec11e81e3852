import { abortFault } from './faults.ts'

interface Flight {
  readonly result: Promise<unknown>
  readonly stop: AbortController
  waiting: number
}

/** Joins callers that want the same thing at the same time. The work is stopped when the last of them has gone. */
export class SingleFlight<T> {
  readonly #running = new Map<string, Flight>()

  async join(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw abortFault(signal)
    let flight = this.#running.get(key)
    if (flight === undefined) {
      const stop = new AbortController()
      const result = start(stop.signal)
      flight = { result, stop, waiting: 0 }
      this.#running.set(key, flight)
      const own = flight
      const landed = (): void => {
        if (this.#running.get(key) === own) this.#running.delete(key)
      }
      result.then(landed, landed)
    }
    flight.waiting++
    try {
      return (await unlessAborted(flight.result, signal)) as T
    } finally {
      if (--flight.waiting === 0) {
        if (this.#running.get(key) === flight) this.#running.delete(key)
        flight.stop.abort()
      }
    }
  }
}

/** Rejects as soon as `signal` is aborted; the work goes on for others. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(abortFault(signal))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

import type { DriveApi } from './drive-api.ts'
import { SingleFlight } from './single-flight.ts'

const AT_ONCE = 1000

/** Ids that Drive has reserved for us, asked for many at a time. */
export class FileIds {
  readonly #api: DriveApi
  readonly #pool: string[] = []
  readonly #flights = new SingleFlight<void>()

  constructor(api: DriveApi) {
    this.#api = api
  }

  /** Undefined when there is none left of those that were asked for. */
  takeNow(): string | undefined {
    return this.#pool.pop()
  }

  async take(signal: AbortSignal): Promise<string> {
    for (;;) {
      const id = this.takeNow()
      if (id !== undefined) return id
      await this.#flights.join('ids', signal, async (shared) => {
        this.#pool.push(...(await this.#api.generateIds(AT_ONCE, shared)))
      })
    }
  }

  /** An id that was not used after all. */
  giveBack(id: string): void {
    this.#pool.push(id)
  }
}

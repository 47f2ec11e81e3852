import type { Clock } from './clock.ts'
import { SingleFlight } from './single-flight.ts'

export interface Token {
  readonly value: string
  /** Milliseconds since the epoch. */
  readonly mintedAt: number
  readonly expiresAt: number
}

/** Renewed that long before its end, but never in the first nine tenths of its life: short-lived tokens must not be asked for in turn. */
const EARLY_MS = 5 * 60_000

/** The account's current token: asked for when it is needed, once for all who need it. */
export class Tokens {
  readonly #clock: Clock
  readonly #mint: (signal: AbortSignal) => Promise<Token>
  readonly #flights = new SingleFlight<Token>()
  #current: Token | undefined

  constructor(clock: Clock, mint: (signal: AbortSignal) => Promise<Token>) {
    this.#clock = clock
    this.#mint = mint
  }

  async get(signal: AbortSignal): Promise<Token> {
    const token = this.#current
    if (token !== undefined && this.#clock.now() < renewAt(token)) return token
    return await this.#flights.join('token', signal, async (shared) => {
      this.#current = await this.#mint(shared)
      return this.#current
    })
  }

  /** The server would not have this token; one that was asked for since stays. */
  drop(token: Token): void {
    if (this.#current === token) this.#current = undefined
  }
}

function renewAt({ mintedAt, expiresAt }: Token): number {
  return expiresAt - Math.min(EARLY_MS, (expiresAt - mintedAt) / 10)
}

import type { Account, AccountCall } from './account.ts'
import type { Clock } from './clock.ts'
import type { DailyLimit } from './daily-limit.ts'
import { DriveFault } from './faults.ts'
import type { HttpAnswer } from './http-client.ts'

/** An account's requests that carry files. */
export class UploadTraffic {
  /** Scheme, host and port. */
  readonly endpoint: string
  readonly clock: Clock
  readonly #account: Account
  readonly #limit: DailyLimit

  constructor(parts: { endpoint: string; account: Account; clock: Clock; limit: DailyLimit }) {
    this.endpoint = parts.endpoint
    this.clock = parts.clock
    this.#account = parts.account
    this.#limit = parts.limit
  }

  /** The request by which an upload starts, or that is all of it: where Google says no to uploads. */
  async start(call: AccountCall): Promise<HttpAnswer> {
    let sentAt = 0
    const onSent = (): void => {
      sentAt = this.clock.now()
    }
    try {
      const answer = await this.#account.send({ ...call, onSent })
      this.#limit.uploadServed()
      return answer
    } catch (error) {
      throw error instanceof DriveFault ? this.#limit.judge(error, sentAt) : error
    }
  }

  async send(call: AccountCall): Promise<HttpAnswer> {
    return await this.#account.send(call)
  }
}

import { SyncError } from '../../errors.ts'
import type { Account } from './account.ts'
import type { DriveApi } from './drive-api.ts'
import { Flights } from './flights.ts'

/**
 * May the account own files at all? A service account has no storage, and learns it from the refusal of every single upload; so it is
 * asked once, before the first file of its own.
 */
export class OwnStorage {
  readonly #api: DriveApi
  readonly #account: Account
  readonly #flights = new Flights<void>()
  #has = false

  constructor(api: DriveApi, account: Account) {
    this.#api = api
    this.#account = account
  }

  /** Rejects with `QUOTA` when there is none; asks again as long as that is so. */
  async assertAny(signal: AbortSignal): Promise<void> {
    if (this.#has) return
    await this.#flights.join('storage', signal, async (shared) => {
      const { limit } = await this.#api.quota(shared)
      if (limit === 0) throw this.#none()
      this.#has = true
    })
  }

  /** Rejects with `QUOTA` when nothing more fits now. */
  async assertRoom(signal: AbortSignal): Promise<void> {
    const { limit, usage } = await this.#api.quota(signal)
    if (limit === 0) throw this.#none()
    if (limit === undefined || usage < limit) return
    throw new SyncError('QUOTA', `the drive of ${this.#account.who} is full: free some space, or use a root on a shared drive`)
  }

  #none(): SyncError {
    const remedy = 'use a root on a shared drive, or let the account act for a person (subject in the key file)'
    return new SyncError('QUOTA', `${this.#account.who} is a service account and has no storage of its own: ${remedy}`)
  }
}

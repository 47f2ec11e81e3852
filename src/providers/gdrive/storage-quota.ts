import { SyncError } from '../../errors.ts'
import type { Account } from './account.ts'
import { bytesText } from '../../model/bytes-text.ts'
import type { Clock } from './clock.ts'
import type { DriveApi } from './drive-api.ts'
import { SingleFlight } from './single-flight.ts'

/** Others write to the drive of a person as well. */
const BELIEVED_MS = 60_000
/** A room that is less than so many times the file is asked for again. */
const AMPLE = 2

/**
 * The room in the account's own drive. A service account has none at all and learns it from the refusal of every single upload; who has
 * some learns from a refusal only after the bytes were sent. So it is asked for before a file is started, and remembered for a while.
 */
export class StorageQuota {
  readonly #api: DriveApi
  readonly #account: Account
  readonly #clock: Clock
  readonly #flights = new SingleFlight<void>()
  /** Bytes, as of then; infinite for an account without a limit. */
  #room: { left: number; readonly asOf: number } | undefined
  /** Bytes of uploads that have not ended. */
  #underWay = 0

  constructor(api: DriveApi, account: Account, clock: Clock) {
    this.#api = api
    this.#account = account
    this.#clock = clock
  }

  /** Does `upload`, which adds so many bytes to the drive. Rejects with `QUOTA` beforehand when they do not fit. */
  async taking<T>(bytes: number, name: string, signal: AbortSignal, upload: () => Promise<T>): Promise<T> {
    await this.#claim(bytes, name, signal)
    try {
      const done = await upload()
      if (this.#room !== undefined) this.#room.left -= bytes
      return done
    } catch (error) {
      if (error instanceof SyncError && error.code === 'QUOTA') this.#room = undefined
      throw error
    } finally {
      this.#underWay -= bytes
    }
  }

  /** Rejects with `QUOTA` when nothing more fits now. */
  async assertRoom(signal: AbortSignal): Promise<void> {
    await this.#ask(signal)
    if (this.#left() > 0) return
    throw new SyncError('QUOTA', `the drive of ${this.#account.who} is full: free some space, or use a root on a shared drive`)
  }

  async #claim(bytes: number, name: string, signal: AbortSignal): Promise<void> {
    const { asOf } = this.#room ?? { asOf: -Infinity }
    if (this.#clock.now() - asOf > BELIEVED_MS || bytes * AMPLE > this.#left() - this.#underWay) {
      await this.#flights.join('room', signal, async (shared) => await this.#ask(shared))
    }
    const left = Math.max(0, this.#left() - this.#underWay)
    if (bytes <= left) {
      this.#underWay += bytes
      return
    }
    const who = `the drive of ${this.#account.who}`
    const sizes = `${bytesText(bytes - left)} are missing (it takes ${bytesText(bytes)}, and ${bytesText(left)} are free)`
    const message = `"${name}" does not fit into ${who}: ${sizes}; free some space, or use a root on a shared drive`
    throw new SyncError('QUOTA', message, { certain: false })
  }

  #left(): number {
    return this.#room?.left ?? 0
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const asOf = this.#clock.now()
    this.#room = undefined
    const { limit, usage } = await this.#api.quota(signal)
    if (limit === 0) {
      const remedy = 'use a root on a shared drive, or let the account act for a person (subject in the key file)'
      throw new SyncError('QUOTA', `${this.#account.who} is a service account and has no storage of its own: ${remedy}`)
    }
    this.#room = { left: limit === undefined ? Infinity : limit - usage, asOf }
  }
}

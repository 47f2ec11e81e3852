import { UnsupportedServerError } from '../../errors.ts'
import type { Log } from '../../model/log.ts'
import type { Settings } from '../../model/settings.ts'
import { connect, type Connections } from '../../streams/connect.ts'
import { connected } from '../connected.ts'
import type { ServiceResult } from '../service.ts'
import { isOff } from '../site-check.ts'
import { close, within } from '../within.ts'
import { shadowSession } from './shadow-session.ts'

/** How long a session may take to end: the server may be away. Milliseconds. */
const FAREWELL_MS = 2_500

/**
 * `run --shadow`: finds work as the service does, and tells what it would do. It has no leases, keeps no place in the change stream, makes no
 * indexes, is no instance to others, and opens providers for nothing but a look at their credentials.
 */
export class ShadowService {
  readonly #log: Log
  readonly #connections: Connections
  readonly #stopping = new AbortController()
  #settings: Settings
  #turn = new AbortController()
  #isReady = false

  constructor(settings: Settings, log: Log) {
    this.#settings = settings
    this.#log = log
    this.#connections = connect(settings.mongo.uri)
  }

  /** Goes on under another configuration; where the database is can't be changed so. */
  reload(settings: Settings): void {
    if (this.#stopping.signal.aborted) return
    this.#settings = { ...settings, mongo: this.#settings.mongo }
    this.#turn.abort()
  }

  stop(): void {
    if (this.#stopping.signal.aborted) return
    this.#log.event('service.stopping')
    this.#stopping.abort()
    this.#turn.abort()
  }

  /** There is nothing that would take longer. */
  force(): void {
    this.stop()
  }

  /** Resolves when it was told to stop, or the server can't be worked with. */
  async run(): Promise<Pick<ServiceResult, 'failed' | 'troubled' | 'refused'>> {
    const { database } = this.#settings.mongo
    const extra = { database, remote_site: this.#settings.remoteSite, shadow: true }
    this.#log.event('service.started', { message: 'Site Sync starts in shadow mode: it says what it would do, and writes nothing', extra })
    let refused = false
    try {
      await this.#untilStopped()
    } catch (error) {
      if (!(error instanceof UnsupportedServerError)) throw error
      refused = true
      this.#log.event('service.failed', { error, message: error.message })
    } finally {
      await close(this.#connections)
      this.#log.event('service.stopped')
    }
    return { failed: 0, troubled: new Set(), refused }
  }

  async #untilStopped(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#turn = new AbortController()
      const { signal } = this.#turn
      if (isOff(this.#settings)) await this.#idle(signal)
      else if (await connected({ connections: this.#connections, log: this.#log, signal })) await this.#session(signal)
    }
  }

  async #session(signal: AbortSignal): Promise<void> {
    const parts = { settings: this.#settings, log: this.#log, connections: this.#connections, ready: () => this.#ready() }
    const session = shadowSession(parts, signal)
    const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([session, told])
    await within(FAREWELL_MS, session)
  }

  async #idle(signal: AbortSignal): Promise<void> {
    this.#ready()
    const alive = setInterval(() => undefined, 60_000)
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    clearInterval(alive)
  }

  #ready(): void {
    if (this.#isReady) return
    this.#isReady = true
    this.#log.event('service.ready', { message: 'ready; nothing will be written (shadow mode)' })
  }
}

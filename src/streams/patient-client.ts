import type { MongoClient } from 'mongodb'

import { connectPatiently } from './connect.ts'

interface Opened {
  readonly client: MongoClient
  users: number
  closing: NodeJS.Timeout | undefined
}

/** How long it stays open when nobody uses it: more work of the kind may follow. Milliseconds. */
const LINGER_MS = 5_000

/**
 * A client for what may take longer than any answer that the work waits for, such as building an index or walking through a project. It is
 * open while it is used, since an open client asks each member how it is.
 */
export class PatientClient implements AsyncDisposable {
  readonly #connect: () => MongoClient
  readonly #lingerMs: number
  #opened: Opened | undefined

  constructor(uri: string, { connect = connectPatiently, lingerMs = LINGER_MS } = {}) {
    this.#connect = () => connect(uri)
    this.#lingerMs = lingerMs
  }

  /** Whoever is at it shares one client. After a failure the next one gets a new one: a client that never reached its server does not look for it again. */
  async use<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
    const opened = (this.#opened ??= { client: this.#connect(), users: 0, closing: undefined })
    clearTimeout(opened.closing)
    opened.users++
    try {
      return await work(opened.client)
    } catch (error) {
      if (this.#opened === opened) this.#opened = undefined
      throw error
    } finally {
      if (--opened.users === 0) this.#left(opened)
    }
  }

  /** Closes it now, whoever is at it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#opened) await this.#close(this.#opened)
  }

  #left(opened: Opened): void {
    const close = (): void => void this.#close(opened).catch(() => undefined)
    if (this.#opened === opened) opened.closing = setTimeout(close, this.#lingerMs).unref()
    else close()
  }

  async #close(opened: Opened): Promise<void> {
    if (this.#opened === opened) this.#opened = undefined
    clearTimeout(opened.closing)
    await opened.client.close()
  }
}

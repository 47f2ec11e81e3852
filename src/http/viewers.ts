import type { ServerResponse } from 'node:http'

import { jsonText } from '../logging/json-text.ts'
import type { Live, LiveEvent } from '../service/live.ts'

/** Bytes that wait for a reader who does not keep up; he is told nothing more until they are gone, and then how things are by then. */
const MOST_WAITING = 262_144
const HEARTBEAT_MS = 15_000
const MOST_VIEWERS = 500
/** How soon a browser comes back, in milliseconds. */
const RETRY_MS = 2_000

/** All who look on, each through a response that does not end. */
export class Viewers {
  readonly #live: () => Pick<Live, 'start' | 'stop' | 'snapshot'>
  readonly #viewers = new Map<ServerResponse, Viewer>()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(live: () => Pick<Live, 'start' | 'stop' | 'snapshot'>) {
    this.#live = live
  }

  get isFull(): boolean {
    return this.#viewers.size >= MOST_VIEWERS
  }

  /** Begins to tell; its header was written. `isAllowed`: asked now and then, since a token may be revoked meanwhile. */
  add(response: ServerResponse, isAllowed: (() => Promise<boolean>) | undefined): void {
    const viewer = new Viewer(response, async () => this.#live().snapshot(), isAllowed)
    this.#viewers.set(response, viewer)
    response.once('close', () => this.#remove(response))
    response.on('error', () => this.#remove(response))
    if (response.destroyed) return this.#remove(response)
    response.write(`retry: ${RETRY_MS}\n\n`)
    this.#live().start()
    this.#heartbeat ??= setInterval(() => this.#viewers.forEach((each) => each.beat()), HEARTBEAT_MS)
    void viewer.snapshot()
  }

  send({ kind, ...data }: LiveEvent): void {
    // Encoded once, however many look on.
    const bytes = Buffer.from(eventText(kind, data))
    for (const viewer of this.#viewers.values()) viewer.tell(bytes)
  }

  close(): void {
    for (const response of this.#viewers.keys()) response.end()
  }

  #remove(response: ServerResponse): void {
    if (!this.#viewers.delete(response) || this.#viewers.size > 0) return
    clearInterval(this.#heartbeat)
    this.#heartbeat = undefined
    this.#live().stop()
  }
}

/** One who looks on: `waiting` for a snapshot, `live`, or `behind` what is told. */
class Viewer {
  readonly #response: ServerResponse
  readonly #snapshot: () => Promise<object>
  readonly #isAllowed: (() => Promise<boolean>) | undefined
  #state: 'waiting' | 'live' | 'behind' = 'waiting'

  constructor(response: ServerResponse, snapshot: () => Promise<object>, isAllowed: (() => Promise<boolean>) | undefined) {
    this.#response = response
    this.#isAllowed = isAllowed
    this.#snapshot = snapshot
    response.on('drain', () => {
      if (this.#state === 'behind') void this.snapshot()
    })
  }

  /** How things are now; what happened in between is in it, or is to be asked for. */
  async snapshot(): Promise<void> {
    this.#state = 'waiting'
    try {
      const data = await this.#snapshot()
      this.#state = 'live'
      this.tell(eventText('snapshot', data))
    } catch {
      // MongoDB does not answer: whoever looks on comes again.
      this.#response.end()
    }
  }

  tell(text: string | Buffer): void {
    if (this.#state !== 'live') return
    if (this.#response.writableLength > MOST_WAITING) this.#state = 'behind'
    else this.#response.write(text)
  }

  beat(): void {
    if (this.#response.writableLength <= MOST_WAITING) this.#response.write(': heartbeat\n\n')
    void this.#recheck()
  }

  async #recheck(): Promise<void> {
    // While MongoDB does not answer there is nothing to tell either.
    if (this.#isAllowed && !(await this.#isAllowed().catch(() => true))) this.#response.end()
  }
}

/** JSON holds no line break of its own. */
function eventText(kind: string, data: object): string {
  return `event: ${kind}\ndata: ${jsonText(data)}\n\n`
}

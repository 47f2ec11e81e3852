import type { IncomingMessage } from 'node:http'

import { waitFor, type WaitOptions } from './wait-for.ts'

export interface ServerEvent {
  readonly event: string
  readonly data: Record<string, unknown>
  /** When it came, by `performance.now()`. */
  readonly at: number
}

/** Server-sent events as they come. */
export class EventStream {
  readonly events: ServerEvent[] = []
  isEnded = false
  readonly #message: IncomingMessage
  #rest = ''

  constructor(message: IncomingMessage) {
    this.#message = message
    message.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    message.on('close', () => (this.isEnded = true))
    message.on('error', () => undefined)
  }

  /** Reads nothing any more, until it goes on. */
  pause(): void {
    this.#message.pause()
  }

  resume(): void {
    this.#message.resume()
  }

  close(): void {
    this.#message.destroy()
  }

  of(event: string): readonly ServerEvent[] {
    return this.events.filter((each) => each.event === event)
  }

  async until(event: string, is: (data: Record<string, unknown>) => boolean = () => true, options: WaitOptions = {}): Promise<ServerEvent> {
    const seen = (): unknown => this.events.map(({ event: name, data }) => [name, data])
    return await waitFor(`the event ${event}`, () => this.of(event).find(({ data }) => is(data)), { seen, ...options })
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) {
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? []
      if (event !== '') this.events.push({ event, data: JSON.parse(data) as Record<string, unknown>, at: performance.now() })
    }
  }
}

import { createHmac } from 'node:crypto'

import { messageOf } from '../../errors.ts'
import type { Webhook } from '../../model/http-settings.ts'
import type { Log } from '../../model/log.ts'
import type { DueMessage, WebhookStore } from '../../streams/webhook-store.ts'
import { sleep } from '../../streams/waiting.ts'

export interface DeliveryParts {
  readonly webhooks: () => readonly Webhook[]
  readonly store: WebhookStore
  readonly log: Log
  readonly signal: AbortSignal
}

const LOOK_EVERY_MS = 2_000
/** How long an address has to answer, and how long a message is one instance's to send. */
const PATIENCE_MS = 10_000
const HELD_MS = 30_000
const BACKOFF_MS: readonly [least: number, most: number] = [1_000, 600_000]
/** A message that nobody took for so long is given up. */
const GIVE_UP_MS = 24 * 3_600_000

/** The signature of a body that is sent at a time in seconds. */
function signatureOf(secret: string, time: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`
}

/**
 * Sends what is due until it is told to end: to each address one message after the other, so that one that does not answer keeps nobody else
 * waiting. What could not be sent is sent later, by whoever is there.
 */
export class Delivery {
  readonly #parts: DeliveryParts
  readonly #busy = new Map<string, Promise<void>>()
  #kicked = new AbortController()

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    parts.signal.addEventListener('abort', () => this.kick(), { once: true })
  }

  /** There is something to send. */
  kick(): void {
    this.#kicked.abort()
  }

  async run(): Promise<void> {
    const { store, signal } = this.#parts
    while (!signal.aborted) {
      this.#kicked = new AbortController()
      // While MongoDB is unavailable nothing is due.
      const due = await store.take(HELD_MS, [...this.#busy.keys()]).catch(() => undefined)
      if (due) this.#busy.set(due.url, this.#deliverFirst(due))
      else await sleep(LOOK_EVERY_MS, this.#kicked.signal)
    }
    await Promise.all(this.#busy.values())
  }

  async #deliverFirst(due: DueMessage): Promise<void> {
    await this.#deliver(due).catch(() => undefined)
    this.#busy.delete(due.url)
    this.kick()
  }

  async #deliver({ id, url, body, tries, created }: DueMessage): Promise<void> {
    const { store, log, webhooks, signal } = this.#parts
    const webhook = webhooks().find((each) => each.url === url)
    if (!webhook) return await store.delivered(id)
    const extra = { url, attempts: tries + 1 }
    try {
      await send(webhook, id, body, signal)
      log.event('webhook.delivered', { extra })
      await store.delivered(id)
    } catch (error) {
      if (signal.aborted) return await store.later(id, 0)
      if (Date.now() - created.getTime() > GIVE_UP_MS) {
        log.event('webhook.dropped', {
          error,
          message: `${url} was not told for a day, and is not tried again: ${messageOf(error)}`,
          extra,
        })
        return await store.delivered(id)
      }
      // One line a message; the others are of level debug.
      log.event('webhook.failed', {
        error,
        message: `${url} was not told; tried again: ${messageOf(error)}`,
        extra,
        ...(tries > 0 && { level: 'debug' }),
      })
      const [least, most] = BACKOFF_MS
      await store.later(id, Math.min(most, least * 2 ** tries) * (0.75 + Math.random() / 2))
    }
  }
}

async function send({ url, secret }: Webhook, id: string, body: string, signal: AbortSignal): Promise<void> {
  const time = String(Math.floor(Date.now() / 1_000))
  const response = await fetch(url, {
    method: 'POST',
    body,
    // Wherever it leads, nobody has said that it is to be told.
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    headers: {
      'content-type': 'application/json',
      'user-agent': 'site-sync',
      'x-site-sync-id': id,
      'x-site-sync-time': time,
      'x-site-sync-signature': signatureOf(secret, time, body),
    },
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`it answered ${response.status}`)
}

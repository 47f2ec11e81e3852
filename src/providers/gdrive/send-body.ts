import type { ClientRequest } from 'node:http'

import { SyncError } from '../../errors.ts'
import { chunkPool } from '../chunk-pool.ts'

/** Bytes to send: at hand, or read while they are sent. `open` is called again for every time they are sent. */
export type Body = Buffer | StreamedBody

export interface StreamedBody {
  /** Bytes; exactly as many must come. */
  readonly length: number
  open(): AsyncIterable<Buffer>
}

/** A body of so many bytes is put together and sent at once: each piece by itself costs both sides more than its bytes. */
const AT_ONCE_BYTES = 256 * 1024

/** Sends a body and ends the request. Stops without a word when the answer came first; rejects with what reading the body threw. */
export async function sendBody(request: ClientRequest, body: Body): Promise<void> {
  if (Buffer.isBuffer(body)) {
    request.end(body)
    return
  }
  let over = false
  const stop = (): void => {
    over = true
  }
  request.once('response', stop)
  request.once('close', stop)
  let sent = 0
  const together: Buffer[] = []
  for await (const piece of body.open()) {
    if (over || request.destroyed) return
    sent += piece.length
    if (body.length <= AT_ONCE_BYTES) {
      together.push(piece)
      continue
    }
    const sending = request.write(piece, (error) => {
      if (!error) chunkPool.giveBack(piece)
    })
    if (!sending) await writable(request)
  }
  if (over || request.destroyed) return
  if (sent !== body.length) throw new SyncError('SOURCE_CHANGED', `the source gave ${sent} of ${body.length} bytes`)
  if (together.length === 0) {
    request.end()
    return
  }
  request.end(Buffer.concat(together))
  for (const piece of together) chunkPool.giveBack(piece)
}

async function writable(request: ClientRequest): Promise<void> {
  if (request.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => {
    for (const event of EVENTS) request.off(event, done)
    resolve()
  }
  for (const event of EVENTS) request.once(event, done)
  await promise
}

const EVENTS = ['drain', 'response', 'close'] as const

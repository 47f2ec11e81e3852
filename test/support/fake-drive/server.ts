import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { ApiError } from './api-error.ts'
import { Dropped, Exchange } from './exchange.ts'
import type { Reply } from './exchange.ts'
import type { Faults } from './faults.ts'
import type { Journal, JournalEntry } from './journal.ts'
import { routeOf } from './router.ts'
import type { Apis, Route } from './router.ts'
import type { TokenEndpoint } from './token-endpoint.ts'

export interface ServerParts extends Omit<Apis, 'origin'> {
  readonly tokens: TokenEndpoint
  readonly faults: Faults
  readonly journal: Journal
  /** Answers requests below `/_fake/`, without a token. */
  readonly control: (exchange: Exchange) => Promise<Reply>
}

/** The HTTP side of the fake: tokens, faults, rate limit, journal; what is asked for is done elsewhere. */
export class FakeDriveServer {
  readonly #parts: ServerParts
  readonly #server: Server
  readonly #connections = new Map<Socket, number>()
  #opened = 0
  #active = 0
  #uploads = 0
  #second = { at: 0, served: 0 }
  origin = ''

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.#server = createServer((request, response) => {
      const { socket } = request
      this.#serve(request, response).catch((error: unknown) => {
        if (!(error instanceof Dropped) && !socket.destroyed) console.error(error)
        socket.destroy()
      })
    })
    this.#server.keepAliveTimeout = 60_000
    this.#server.requestTimeout = 0
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.set(socket, ++this.#opened)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => this.#connections.delete(socket))
    })
  }

  async listen(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen(port, '127.0.0.1', resolve)
    await promise
    this.origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    for (const socket of this.#connections.keys()) socket.destroy()
    await promise
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { faults, journal, settings } = this.#parts
    const url = new URL(request.url ?? '/', this.origin)
    if (url.pathname.startsWith('/_fake/')) {
      const exchange = new Exchange({ request, url, effect: undefined, journal: this.#entry(request, url, 'unknown') })
      return await send(response, await this.#parts.control(exchange))
    }
    const isToken = url.pathname === '/token'
    const route = routeOf(request.method ?? 'GET', url, request.headers['content-range'])
    const entry = this.#entry(request, url, isToken ? 'token' : route.operation)
    journal.entries.push(entry)
    const effect = faults.take(entry.operation, url.href)
    const exchange = new Exchange({ request, url, effect, journal: entry })
    const isUpload = entry.operation.startsWith('upload.')
    journal.concurrent = Math.max(journal.concurrent, ++this.#active)
    if (isUpload) journal.concurrentUploads = Math.max(journal.concurrentUploads, ++this.#uploads)
    try {
      if (settings.latencyMs > 0) await sleep(settings.latencyMs)
      if (effect?.kind === 'delay') await sleep(effect.milliseconds)
      if (effect?.kind === 'hang') return
      if (effect?.kind === 'drip') return drip(response, effect)
      if (effect?.kind === 'drop' && effect.afterBytes === 0) throw new Dropped()
      const reply = await this.#reply(exchange, route, isToken)
      entry.status = reply.status
      if (effect?.kind === 'lose-reply') throw new Dropped()
      await send(response, reply, effect?.kind === 'truncate')
    } finally {
      this.#active--
      if (isUpload) this.#uploads--
    }
  }

  async #reply(exchange: Exchange, route: Route, isToken: boolean): Promise<Reply> {
    try {
      return await this.#answer(exchange, route, isToken)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      // The rest of the body must be read, or the connection can't be used again.
      exchange.request.resume()
      return { status: error.status, headers: { 'Content-Type': 'application/json; charset=UTF-8', ...error.headers }, body: error.body }
    }
  }

  async #answer(exchange: Exchange, route: Route, isToken: boolean): Promise<Reply> {
    const { effect, request } = exchange
    const { tokens } = this.#parts
    if (effect?.kind === 'error') {
      const said = await echoing(effect.message ?? (isToken ? effect.reason : `Failed: ${effect.reason}`), exchange)
      const headers: Record<string, string> = effect.retryAfter === undefined ? {} : { 'Retry-After': effect.retryAfter }
      if (isToken) return { status: effect.status, headers, body: { error: effect.reason, error_description: said } }
      throw new ApiError(effect.status, effect.reason, said, headers)
    }
    if (effect?.kind === 'answer') {
      request.resume()
      return {
        status: effect.status,
        headers: { 'Content-Type': effect.type ?? 'text/html; charset=UTF-8', ...effect.headers },
        body: effect.body ?? '',
      }
    }
    if (isToken) return tokens.reply((await exchange.wholeBody()).toString('utf8'), `${this.origin}/token`)
    if (effect?.kind === 'expire-tokens') tokens.revokeAll()
    if (!tokens.isLive(request.headers.authorization)) throw new ApiError(401, 'authError', 'Invalid Credentials')
    this.#pace()
    return await route.serve(exchange, { ...this.#parts, origin: this.origin })
  }

  #pace(): void {
    const at = Math.floor(Date.now() / 1000)
    if (at !== this.#second.at) this.#second = { at, served: 0 }
    if (++this.#second.served > this.#parts.settings.requestsPerSecond)
      throw new ApiError(403, 'userRateLimitExceeded', 'User Rate Limit Exceeded')
  }

  #entry(request: IncomingMessage, url: URL, operation: JournalEntry['operation']): JournalEntry {
    return {
      operation,
      method: request.method ?? 'GET',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      contentRange: request.headers['content-range'],
      authorization: request.headers.authorization,
      connection: this.#connections.get(request.socket) ?? 0,
      at: Date.now(),
      status: 0,
      requestBytes: 0,
    }
  }
}

async function echoing(message: string, exchange: Exchange): Promise<string> {
  const { request, url } = exchange
  const token = (request.headers.authorization ?? '').replace('Bearer ', '')
  const text = message.replaceAll('{token}', token).replaceAll('{url}', url.href)
  if (!text.includes('{assertion}')) return text
  return text.replaceAll('{assertion}', new URLSearchParams((await exchange.wholeBody()).toString('utf8')).get('assertion') ?? '')
}

function drip(response: ServerResponse, { everyMs, status = 200 }: { readonly everyMs: number; readonly status?: number }): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=UTF-8' })
  const timer = setInterval(() => response.write(' '), everyMs)
  response.once('close', () => clearInterval(timer))
}

async function send(response: ServerResponse, { status, headers = {}, body = '' }: Reply, cutOff = false): Promise<void> {
  const json = typeof body === 'object' && !Buffer.isBuffer(body)
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(json ? JSON.stringify(body) : (body as string))
  response.writeHead(status, {
    ...(json ? { 'Content-Type': 'application/json; charset=UTF-8' } : {}),
    ...headers,
    'Content-Length': bytes.length,
  })
  if (!cutOff) {
    response.end(bytes)
    return
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => resolve())
  await promise
  throw new Dropped()
}

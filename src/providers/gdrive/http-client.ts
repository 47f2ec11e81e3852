import http from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'

import { SyncError } from '../../errors.ts'
import { timerMs } from '../../model/timer-range.ts'
import { bodyText } from './answer-body.ts'
import { abortFault } from './faults.ts'
import { sendBody } from './send-body.ts'
import type { Body } from './send-body.ts'
import { isLoopback } from './trusted-hosts.ts'

/** What waits that long, in milliseconds, has failed. There is no limit on the content of files: a large one may take hours. */
export interface Timeouts {
  readonly connectMs: number
  /** Without a byte in either direction. */
  readonly idleMs: number
  /** From the last byte of a file, or from the start where none is sent, to the last byte of the answer; where one is read, to its first. */
  readonly answerMs?: number
}

const ANSWER_MS = 120_000

export interface HttpCall {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Body
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const MISTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|EPROTO/

/**
 * HTTP over connections that are kept open. Follows no redirect (308 is an answer here) and repeats nothing.
 * What goes wrong below HTTP rejects with `INTERRUPTED`; messages name the host only, as the rest of a URL may be secret.
 */
export class HttpClient {
  readonly #timeouts: Timeouts
  readonly #agents = new Map<string, http.Agent>()

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts
  }

  async send(call: HttpCall): Promise<HttpAnswer> {
    const answer = await this.open(call)
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await this.text(answer, call) }
  }

  /**
   * Resolves with the answer's head; its body must be read with `bytes()` or `text()`, or destroyed. A body whose status `isContent`
   * names may take any time.
   */
  async open(call: HttpCall, isContent: (status: number) => boolean = () => false): Promise<IncomingMessage> {
    if (call.signal.aborted) throw abortFault(call.signal)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const { connectMs, idleMs, answerMs = ANSWER_MS } = this.#timeouts
    const url = new URL(call.url)
    const secure = url.protocol === 'https:'
    const length =
      call.body === undefined ? (call.method === 'GET' ? {} : { 'Content-Length': '0' }) : { 'Content-Length': String(call.body.length) }
    const request = (secure ? https : http).request(url, {
      method: call.method,
      headers: { ...call.headers, ...length },
      agent: this.#agent(secure, isLoopback(url.hostname)),
      signal: call.signal,
    })
    const fail = (error: unknown): void => reject(faultOf(error, url, call.signal))
    let arrived: IncomingMessage | undefined
    let deadline: NodeJS.Timeout | undefined
    /** By the answer where there is one: its reader would take a closed connection for the end, where no length was told. */
    const giveUp = (fault: SyncError): void => void (arrived ?? request).destroy(fault)
    const arm = (): void => {
      deadline ??= setTimeout(() => giveUp(lateFault(url, 'no complete answer', answerMs)), timerMs(answerMs))
    }
    request.on('error', fail)
    request.once('close', () => clearTimeout(deadline))
    // Neither waiting for a connection nor sending a file counts.
    request.once(call.body === undefined || Buffer.isBuffer(call.body) ? 'socket' : 'finish', arm)
    // Up to the answer's head; from there on whoever reads it looks out for silence (`bytes`).
    request.setTimeout(idleMs)
    request.once('timeout', () => {
      if (arrived === undefined) request.destroy(lateFault(url, 'no byte', idleMs))
    })
    request.on('socket', (socket) => {
      if (!socket.connecting) return
      const timer = setTimeout(() => request.destroy(lateFault(url, 'no connection', connectMs)), connectMs)
      socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(timer))
      socket.once('close', () => clearTimeout(timer))
    })
    request.on('response', (answer) => {
      arrived = answer
      if (isContent(answer.statusCode ?? 0)) clearTimeout(deadline)
      else arm()
      // Its reader hears of errors; one that nobody reads any more must not end the process.
      answer.on('error', () => {})
      resolve(answer)
    })
    if (call.body === undefined) request.end()
    else {
      sendBody(request, call.body).catch((error: unknown) => {
        // What reading the source threw is not the connection's fault.
        reject(call.signal.aborted ? abortFault(call.signal) : error)
        request.destroy()
      })
    }
    return await promise
  }

  /** The whole body of an answer that is no file's. */
  async text(answer: IncomingMessage, call: Pick<HttpCall, 'url' | 'signal'>): Promise<string> {
    return await bodyText(this.bytes(answer, call), answer, new URL(call.url).host)
  }

  /**
   * The body of an answer; a connection that breaks before its end rejects, and so does silence while its reader waits. How long the
   * reader takes between two parts is no fault of the server. The socket's own timer could not tell these apart, and belongs to the
   * next request once this one has ended.
   */
  async *bytes(answer: IncomingMessage, call: Pick<HttpCall, 'url' | 'signal'>): AsyncGenerator<Buffer> {
    const url = new URL(call.url)
    const { idleMs } = this.#timeouts
    let isAwaited = true
    const silence = setTimeout(() => {
      if (isAwaited) answer.destroy(lateFault(url, 'no byte', idleMs))
    }, timerMs(idleMs))
    try {
      for await (const part of answer) {
        isAwaited = false
        yield part as Buffer
        isAwaited = true
        silence.refresh()
      }
    } catch (error) {
      throw faultOf(error, url, call.signal)
    } finally {
      clearTimeout(silence)
      const { req: request } = answer as AnswerWithRequest
      // An answer that came before the body was sent: the connection has no further use. An answer at its end would not close it.
      if (!answer.complete || !request.writableFinished) request.destroy()
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #agent(secure: boolean, local: boolean): http.Agent {
    const key = `${secure} ${local}`
    let agent = this.#agents.get(key)
    if (agent === undefined) {
      // As many connections as calls: those are bounded by the site's `concurrency`.
      const options = { keepAlive: true, scheduling: 'lifo', ...(local ? {} : { proxyEnv: process.env }) } as const
      agent = secure ? new https.Agent(options) : new http.Agent(options)
      this.#agents.set(key, agent)
    }
    return agent
  }
}

interface AnswerWithRequest extends IncomingMessage {
  readonly req: http.ClientRequest
}

function faultOf(error: unknown, url: URL, signal: AbortSignal): SyncError {
  if (signal.aborted) return abortFault(signal)
  if (error instanceof SyncError) return error
  const { code, message } = error as { code?: unknown; message?: unknown }
  const word = typeof code === 'string' ? code : String(message)
  if (MISTRUSTED.test(word)) return new SyncError('UNREACHABLE', `${url.host} can't be trusted: ${word}`)
  return new SyncError('INTERRUPTED', `the connection to ${url.host} failed: ${word}`)
}

function lateFault(url: URL, what: string, milliseconds: number): SyncError {
  return new SyncError('INTERRUPTED', `${what} from ${url.host} within ${milliseconds / 1000} s`)
}

import type { IncomingMessage } from 'node:http'

import { SyncError } from '../../errors.ts'
import type { AccountKey } from './account-key.ts'
import type { Clock } from './clock.ts'
import { faultFrom, retryAfterOf } from './drive-answer.ts'
import { secretsOf } from './echoes.ts'
import { DriveFault } from './faults.ts'
import type { HttpAnswer, HttpCall, HttpClient } from './http-client.ts'
import type { RateGate } from './rate-gate.ts'
import type { Token, Tokens } from './tokens.ts'
import { hostOf, isTrusted } from './trusted-hosts.ts'

export interface AccountCall extends Omit<HttpCall, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>
  /** What is being done, for messages: "creating the folder x". */
  readonly what: string
  /** Hears when the request leaves, after all waiting; again when it is repeated with another token. */
  readonly onSent?: () => void
  /** Statuses that are answers and not faults; any of 200 to 299 when left out. */
  readonly accept?: (status: number) => boolean
}

/** Tokens that die the moment they are given would be asked for without end. */
const MAX_TOKENS = 5
const FRESH_MS = 1000

/** One account's way to Google: every request carries a fresh token and keeps to the account's rate. */
export class Account {
  readonly key: AccountKey
  readonly #endpoint: string
  readonly #http: HttpClient
  readonly #tokens: Tokens
  readonly #gate: RateGate
  readonly #clock: Clock

  constructor(parts: { key: AccountKey; endpoint: string; http: HttpClient; tokens: Tokens; gate: RateGate; clock: Clock }) {
    this.key = parts.key
    this.#endpoint = parts.endpoint
    this.#http = parts.http
    this.#tokens = parts.tokens
    this.#gate = parts.gate
    this.#clock = parts.clock
  }

  /** In whose drive the account works. */
  get who(): string {
    return this.key.subject ?? this.key.clientEmail
  }

  /** Rejects with a `DriveFault` for statuses that `accept` does not name. */
  async send(call: AccountCall): Promise<HttpAnswer> {
    return await this.#authorised(call, async (headers) => await this.#http.send({ ...call, headers }))
  }

  /** As `send`, for a body that is too large to be held. */
  async read(call: AccountCall): Promise<{ readonly answer: IncomingMessage; readonly bytes: AsyncGenerator<Buffer> }> {
    let bytes: AsyncGenerator<Buffer> | undefined
    let answer: IncomingMessage | undefined
    await this.#authorised(call, async (headers) => {
      answer = await this.#http.open({ ...call, headers }, (status) => accepted(call, status))
      const status = answer.statusCode ?? 0
      bytes = this.#http.bytes(answer, call)
      if (accepted(call, status)) return { status, headers: answer.headers, body: '' }
      return { status, headers: answer.headers, body: await this.#http.text(answer, call) }
    })
    if (answer === undefined || bytes === undefined) throw new SyncError('UNEXPECTED', `no answer while ${call.what}`)
    return { answer, bytes }
  }

  async #authorised(call: AccountCall, request: (headers: Record<string, string>) => Promise<HttpAnswer>): Promise<HttpAnswer> {
    if (!isTrusted(call.url, this.#endpoint)) {
      throw new SyncError('UNREACHABLE', `${hostOf(call.url)} is not a host of Google Drive: nothing is sent there while ${call.what}`)
    }
    let refusedAt: number | undefined
    for (let tokens = 1; ; tokens++) {
      const token = await this.#token(call.signal)
      const sentAt = this.#clock.now()
      call.onSent?.()
      const answer = await request({ ...call.headers, Authorization: `Bearer ${token.value}` })
      if (answer.status !== 401) return this.#judge(answer, call, sentAt, token)
      this.#tokens.drop(token)
      const fresh = refusedAt !== undefined && token.mintedAt >= refusedAt && sentAt - token.mintedAt < FRESH_MS
      if (fresh || tokens === MAX_TOKENS) throw this.#fault(answer, call, token)
      refusedAt ??= this.#clock.now()
    }
  }

  async #token(signal: AbortSignal): Promise<Token> {
    await this.#gate.pass(signal)
    const token = await this.#tokens.get(signal)
    // It may have closed while the token was on its way.
    await this.#gate.pass(signal)
    return token
  }

  #fault(answer: HttpAnswer, { what, url }: AccountCall, token: Token): DriveFault {
    return faultFrom(answer, what, this.key.clientEmail, [token.value, ...secretsOf(url)])
  }

  #judge(answer: HttpAnswer, call: AccountCall, sentAt: number, token: Token): HttpAnswer {
    if (accepted(call, answer.status)) {
      this.#gate.served(sentAt)
      return answer
    }
    const fault = this.#fault(answer, call, token)
    if (fault.code !== 'RATE_LIMITED') throw fault
    const retryAfterMs = this.#gate.close(sentAt, retryAfterOf(answer))
    throw new DriveFault('RATE_LIMITED', fault.message, { status: fault.status, reason: fault.reason, retryAfterMs })
  }
}

function accepted({ accept }: AccountCall, status: number): boolean {
  return accept === undefined ? status >= 200 && status < 300 : accept(status)
}

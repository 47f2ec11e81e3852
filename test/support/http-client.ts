import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { json } from 'node:stream/consumers'

import type { HttpSettings } from '../../src/model/http-settings.ts'
import type { TokenScope } from '../../src/model/access-token.ts'
import { accessTokens } from '../../src/streams/access-tokens.ts'
import type { Running, Stage } from './service-harness.ts'

/** At any free port of this machine. */
export const HTTP: HttpSettings = {
  host: '127.0.0.1',
  port: 0,
  trustedHosts: [],
  readOnly: false,
  anonymousRead: true,
  behindProxy: false,
}

export interface HttpAnswer {
  readonly status: number
  readonly type: string
  readonly headers: IncomingMessage['headers']
  readonly body: Record<string, unknown>
}

export interface HttpRequest {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** The address that a service answers at. */
export async function addressOf({ lines }: Pick<Running, 'lines'>): Promise<string> {
  const { site_sync: fields } = await lines.until('http.listening')
  return String(fields?.['address']).replace(/\/$/, '')
}

/** As it is; what comes is for the caller to read. */
export async function open(
  address: string,
  path: string,
  { method = 'GET', token, headers = {}, body }: HttpRequest = {},
): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method,
    agent: false,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  }
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(`${address}${path}`, options, resolve).on('error', reject)
    sent.end(typeof body === 'string' || body instanceof Uint8Array ? body : body === undefined ? undefined : JSON.stringify(body))
  })
}

/** An answer in JSON. */
export async function ask(address: string, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
  const message = await open(address, path, request)
  const { statusCode: status = 0, headers } = message
  return { status, headers, type: headers['content-type'] ?? '', body: (await json(message)) as Record<string, unknown> }
}

/** A new token of that scope. */
export async function newToken({ state }: Stage, scope: TokenScope, name: string = scope): Promise<string> {
  const token = await accessTokens(state).create(name, scope, 'the test')
  if (token === undefined) throw new Error(`there is a token ${name}`)
  return token
}

import { STATUS_CODES } from 'node:http'

/** A request that is answered with a problem (RFC 9457) instead of what was asked for. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  /** Beside type, title, status and detail. */
  readonly more: Readonly<Record<string, unknown>>

  constructor(
    statusCode: number,
    detail: string,
    { headers = {}, ...more }: { readonly headers?: Readonly<Record<string, string>>; readonly [key: string]: unknown } = {},
  ) {
    super(detail)
    this.statusCode = statusCode
    this.headers = headers
    this.more = more
  }
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** The body of a problem. */
export function problemJson(status: number, detail: string, more: Readonly<Record<string, unknown>> = {}): object {
  return { ...more, type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail }
}

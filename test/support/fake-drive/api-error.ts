/** An error in the shape of Google's APIs. */
export class ApiError extends Error {
  readonly status: number
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.reason = reason
    this.headers = headers
  }

  get body(): string {
    const { status: code, reason, message } = this
    return JSON.stringify({ error: { code, message, errors: [{ message, domain: 'global', reason }] } })
  }
}

export function notFound(id: string): ApiError {
  return new ApiError(404, 'notFound', `File not found: ${id}.`)
}

export function invalid(message: string): ApiError {
  return new ApiError(400, 'invalid', message)
}

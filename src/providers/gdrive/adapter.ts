import { SyncError } from '../../errors.ts'
import type { HttpAnswer } from './http-client.ts'

/** What Google's client asks its transport for; the rest of its options is of no use here. */
export interface ClientRequestOptions {
  readonly method?: string | undefined
  readonly url: URL | string
  readonly headers: Headers
  readonly body?: unknown
  readonly signal?: AbortSignal | null | undefined
}

/** Google's client puts every request through one function; `send` is ours, so that all traffic obeys one set of rules. */
export function adapterFor(send: (options: ClientRequestOptions) => Promise<HttpAnswer>) {
  return async <T>(options: ClientRequestOptions): Promise<T> => {
    const answer = await send(options)
    const headers = new Headers()
    for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers.set(name, String(value))
    return {
      status: answer.status,
      statusText: '',
      ok: true,
      headers,
      config: options,
      data: answer.body === '' ? '' : JSON.parse(answer.body),
    } as T
  }
}

/** Errors of Google's client carry the whole request with its secrets; what our transport threw is inside, and all that is let out. */
export async function withoutClientErrors<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw innermost(error)
  }
}

function innermost(error: unknown): unknown {
  const { cause } = error as { cause?: unknown }
  if (error instanceof SyncError) return error
  return cause instanceof Error ? innermost(cause) : new Error(error instanceof Error ? error.message : 'unknown failure')
}

import { token } from './token.js'

/** Longer than the database may look for a page. Milliseconds. */
const PATIENCE_MS = 20_000

/** An answer that is a problem; `status` 0: there was no answer. */
export class Problem extends Error {
  constructor(status, detail, needsScope = false) {
    super(detail)
    this.status = status
    /** That the token is good for less than was asked for. */
    this.needsScope = needsScope
  }

  /** That a token would help: 429 is said instead of 401 to whoever asked too often without one. */
  get needsToken() {
    return this.status === 401 || this.status === 429
  }
}

export const headers = () => {
  const value = token.get()
  return value === undefined ? {} : { authorization: `Bearer ${value}` }
}

/** The address below the page's own, so that it works behind a proxy's path as well. */
export const address = (path) => new URL(path, document.baseURI)

export const get = async (path, query = {}, signal) => {
  const url = address(`api/v1/${path}`)
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== '') url.searchParams.set(key, value)
  return ask(url, { headers: headers(), signal: either(signal) })
}

/** The first of a list: pages that come before it may be empty. */
export async function getFirst(path, query) {
  let cursor
  do {
    const page = await get(path, { ...query, limit: 1, cursor })
    if (page.items.length > 0) return page.items[0]
    cursor = page.next_cursor
  } while (cursor !== null)
}

export const act = async (action, body, signal) =>
  ask(address(`api/v1/actions/${action}`), {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: either(signal),
  })

export const ask = async (url, options) => {
  const response = await fetch(url, { cache: 'no-store', credentials: 'omit', ...options }).catch((error) => {
    if (options.signal?.reason?.name === 'AbortError') throw error
    throw new Problem(0, 'the service does not answer')
  })
  const body = await response.json().catch(() => undefined)
  if (!response.ok) throw problemOf(response, body)
  return body
}

export function problemOf(response, body) {
  const needsScope = response.status === 403 && (response.headers.get('www-authenticate') ?? '').includes('insufficient_scope')
  return new Problem(response.status, body?.detail ?? `${response.status} ${response.statusText}`, needsScope)
}

const either = (signal) => AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), ...(signal ? [signal] : [])])

import { SyncError } from '../../errors.ts'

/** Millions of items. */
const MAX_PAGES = 10_000

/** The tokens of one listing's pages. A server that names a page again, or pages without end, would otherwise be asked for ever. */
export class PageTokens {
  readonly #used = new Set<string>()
  readonly #what: string

  /** What is being done, for messages. */
  constructor(what: string) {
    this.#what = what
  }

  /** The token that an answer names for the next page; undefined after the last one. */
  next(token: unknown): string | undefined {
    if (typeof token !== 'string' || token === '') return undefined
    if (this.#used.has(token)) throw new SyncError('INTERRUPTED', `Google Drive gave the same page again while ${this.#what}`)
    if (this.#used.size >= MAX_PAGES) throw new SyncError('INTERRUPTED', `Google Drive came to no end while ${this.#what}`)
    this.#used.add(token)
    return token
  }
}

import type { IncomingMessage } from 'node:http'

import { invalid } from './api-error.ts'
import type { Effect } from './faults.ts'
import { applyFields, parseFields } from './field-mask.ts'
import { DEFAULT_FIELDS, fileResource } from './file-resource.ts'
import type { JournalEntry } from './journal.ts'
import type { Entry, Store } from './store.ts'

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Objects are sent as JSON. */
  readonly body?: string | Buffer | Readonly<Record<string, unknown>>
}

/** Thrown when the connection was broken on purpose. */
export class Dropped extends Error {}

/** One request while it is served. */
export class Exchange {
  readonly request: IncomingMessage
  readonly url: URL
  readonly journal: JournalEntry
  readonly effect: Effect | undefined

  constructor(parts: { request: IncomingMessage; url: URL; journal: JournalEntry; effect: Effect | undefined }) {
    this.request = parts.request
    this.url = parts.url
    this.journal = parts.journal
    this.effect = parts.effect
  }

  get query(): URLSearchParams {
    return this.url.searchParams
  }

  get allDrives(): boolean {
    return this.query.get('supportsAllDrives') === 'true'
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value[0] : value
  }

  /** The body as it comes; breaks the connection where a fault says so. */
  async *body(): AsyncGenerator<Buffer> {
    const most = this.effect?.kind === 'drop' ? this.effect.afterBytes : Infinity
    let seen = 0
    for await (const piece of this.request as AsyncIterable<Buffer>) {
      const kept = piece.subarray(0, most - seen)
      seen += kept.length
      this.journal.requestBytes += kept.length
      if (kept.length > 0) yield kept
      if (seen >= most) {
        this.request.socket.destroy()
        throw new Dropped()
      }
    }
  }

  async wholeBody(): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(this.body()))
  }

  async json(): Promise<Record<string, unknown>> {
    return this.note(parseJson((await this.wholeBody()).toString('utf8')))
  }

  /** Keeps metadata for the journal. */
  note(metadata: Record<string, unknown>): Record<string, unknown> {
    this.journal.metadata = metadata
    return metadata
  }

  file(store: Store, entry: Entry, fields = this.query.get('fields')): Reply {
    const omit = new Set(this.effect?.kind === 'omit' ? this.effect.fields : [])
    return this.masked(fileResource(store, entry, omit), fields ?? DEFAULT_FIELDS)
  }

  masked(value: Record<string, unknown>, fields = this.query.get('fields')): Reply {
    return { status: 200, body: (fields === null ? value : applyFields(value, parseFields(fields))) as Record<string, unknown> }
  }
}

export function parseJson(text: string): Record<string, unknown> {
  try {
    return (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  } catch {
    throw invalid('Invalid JSON payload received.')
  }
}

import type { Log, LogAction, LogFields } from '../../src/model/log.ts'
import { LOG_ACTIONS } from '../../src/model/log.ts'

/** When things happened to one file on one site, by `performance.now()`. */
export interface Times {
  /** Of the first attempt. */
  startedAt?: number
  syncedAt?: number
}

export interface JournalParts {
  /** Shows a transfer's end. */
  readonly ended: (action: LogAction, fields: LogFields) => void
  /** The service's own lines. */
  readonly service: Log
  /** Every line goes to `service`; otherwise warnings and errors alone, without those of transfers. */
  readonly verbose: boolean
  readonly now?: () => number
}

/** The service's log, as the demo reads it: it notes when transfers start and succeed, and passes on what a person should see. */
export class Journal implements Log {
  /** When somebody last heard of a transfer. */
  lastNews: number
  readonly misconfigured = new Map<string, { readonly message: string }>()
  readonly #parts: JournalParts
  readonly #now: () => number
  readonly #times = new Map<string, Times>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #page = Promise.withResolvers<string | undefined>()

  constructor(parts: JournalParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => performance.now())
    this.lastNews = this.#now()
  }

  /** Resolves when the service takes work. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Resolves with where the page is; with nothing where it can't be. */
  get page(): Promise<string | undefined> {
    return this.#page.promise
  }

  timesOf(representationId: string, fileId: string, site: string): Times {
    return this.#times.get(keyOf(representationId, fileId, site)) ?? {}
  }

  event(action: LogAction, fields: LogFields = {}): void {
    const at = this.#now()
    if (action === 'service.ready') this.#ready.resolve()
    if (action === 'http.listening') this.#page.resolve(String(fields.extra?.['address']))
    if (action === 'http.failed') this.#page.resolve(undefined)
    if (action === 'site.misconfigured' && fields.site !== undefined) {
      this.misconfigured.set(fields.site, { message: fields.error instanceof Error ? fields.error.message : (fields.message ?? action) })
    }
    if (action.startsWith('transfer.')) this.#transfer(action, fields, at)
    const level = fields.level ?? LOG_ACTIONS[action].level
    const isUrgent = (level === 'warn' || level === 'error') && !action.startsWith('transfer.')
    if (this.#parts.verbose || isUrgent) this.#parts.service.event(action, fields)
  }

  #transfer(action: LogAction, fields: LogFields, at: number): void {
    this.lastNews = at
    const { representationId = '', fileId = '', site = '' } = fields
    const key = keyOf(representationId, fileId, site)
    const times = this.#times.get(key) ?? {}
    this.#times.set(key, times)
    if (action === 'transfer.started') times.startedAt ??= at
    if (action === 'transfer.succeeded') times.syncedAt = at
    if (ENDS.has(action)) this.#parts.ended(action, fields)
  }
}

const ENDS: ReadonlySet<LogAction> = new Set([
  'transfer.succeeded',
  'transfer.failed',
  'transfer.exhausted',
  'transfer.dropped',
  'transfer.released',
])

function keyOf(representationId: string, fileId: string, site: string): string {
  return JSON.stringify([representationId, fileId, site])
}

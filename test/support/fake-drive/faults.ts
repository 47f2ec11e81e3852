/** What a request is, for faults and the journal. */
export type Operation =
  | 'token'
  | 'about.get'
  | 'drives.list'
  | 'files.generateIds'
  | 'files.list'
  | 'files.get'
  | 'files.create'
  | 'files.update'
  | 'files.delete'
  | 'revisions.list'
  | 'media.read'
  | 'upload.multipart'
  | 'upload.start'
  | 'upload.chunk'
  | 'upload.status'
  | 'upload.cancel'
  | 'unknown'

export type Effect =
  /** An error in Google's shape. `{token}`, `{url}` and `{assertion}` in its message stand for what came with the request. */
  | { readonly kind: 'error'; readonly status: number; readonly reason: string; readonly message?: string; readonly retryAfter?: string }
  /** Any answer, such as HTML or nothing at all. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: string
      readonly type?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The connection breaks when so many bytes of the body have come. */
  | { readonly kind: 'drop'; readonly afterBytes: number }
  /** Only so many bytes of a chunk are kept, which is not the end of it. */
  | { readonly kind: 'partial'; readonly bytes: number }
  /** The work is done, and the connection breaks instead of an answer. */
  | { readonly kind: 'lose-reply' }
  /** The work is done, and half of the answer comes. */
  | { readonly kind: 'truncate' }
  /** The head of an answer, and then a byte at a time without end. */
  | { readonly kind: 'drip'; readonly everyMs: number; readonly status?: number }
  /** Never an answer. */
  | { readonly kind: 'hang' }
  /** All tokens are worthless from now on. */
  | { readonly kind: 'expire-tokens' }
  /** The upload session of this request is gone. */
  | { readonly kind: 'expire-session'; readonly status?: 404 | 410 }
  /** Other bytes than were sent are stored. */
  | { readonly kind: 'corrupt' }
  /** Fields are missing from the answer. */
  | { readonly kind: 'omit'; readonly fields: readonly string[] }
  | { readonly kind: 'delay'; readonly milliseconds: number }

export interface Fault {
  readonly on: Operation | readonly Operation[] | '*'
  readonly effect: Effect
  /** How often; 1 when left out. */
  readonly times?: number
  /** So many matching requests are served first. */
  readonly after?: number
  /** Only requests whose URL contains this. */
  readonly url?: string
}

/** Faults that are waiting for their request. */
export class Faults {
  #waiting: { readonly fault: Fault; skip: number; left: number }[] = []

  add(fault: Fault): void {
    this.#waiting.push({ fault, skip: fault.after ?? 0, left: fault.times ?? 1 })
  }

  clear(): void {
    this.#waiting = []
  }

  /** The effect on this request; the first fault that fits has it. */
  take(operation: Operation, url: string): Effect | undefined {
    for (const waiting of this.#waiting) {
      const { on, url: part } = waiting.fault
      const fits = on === '*' ? operation !== 'token' : typeof on === 'string' ? on === operation : on.includes(operation)
      if (!fits || waiting.left === 0 || (part !== undefined && !url.includes(part))) continue
      if (waiting.skip > 0) {
        waiting.skip--
        continue
      }
      waiting.left--
      return waiting.fault.effect
    }
    return undefined
  }

  /** How many effects are still to come. */
  get pending(): number {
    return this.#waiting.reduce((sum, { left }) => sum + left, 0)
  }
}

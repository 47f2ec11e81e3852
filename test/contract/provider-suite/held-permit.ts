import { SyncError } from '../../../src/errors.ts'
import type { WritePermit, WriteSession } from '../../../src/providers/provider.ts'

/** A permit that the test grants, refuses or withdraws, as the pipeline does: a write whose permit is gone is aborted at the same time. */
export class HeldPermit implements WritePermit {
  readonly granted: Promise<void>
  /** Resolves when somebody waits for it to be granted. */
  readonly isAwaited: Promise<void>
  /** What was saved, in order, as it comes out of a database. */
  readonly saved: WriteSession[] = []
  readonly #grant = Promise.withResolvers<void>()
  readonly #lease = Promise.withResolvers<WriteSession | undefined>()
  readonly #abort = new AbortController()
  #end: 'refused' | 'dropped' | 'paused' | undefined

  constructor(session?: WriteSession) {
    const awaited = Promise.withResolvers<void>()
    const granted = this.#grant.promise
    granted.catch(() => undefined)
    this.#lease.promise.catch(() => undefined)
    this.#lease.resolve(session)
    this.isAwaited = awaited.promise
    this.granted = watched(granted, awaited.resolve)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get session(): Promise<WriteSession | undefined> {
    return this.#lease.promise
  }

  async takeReserved(): Promise<WriteSession | undefined> {
    await this.#lease.promise
    return undefined
  }

  async saveSession(session: WriteSession): Promise<void> {
    await this.#lease.promise
    if (this.#end === 'refused') throw new SyncError('ABORTED', 'stopped: refused')
    this.saved.push(JSON.parse(JSON.stringify(session)) as WriteSession)
  }

  isAbandoned(): boolean {
    return this.#end === 'dropped'
  }

  grant(): void {
    this.#grant.resolve()
  }

  /** Not ours to do, or not any more: the file was dropped, or is left for a later attempt. */
  end(how: 'refused' | 'dropped' | 'paused'): void {
    this.#end = how
    this.#abort.abort({ kind: how === 'paused' ? 'released' : how, reason: `stopped: ${how}` })
    this.#grant.reject(new SyncError('ABORTED', `stopped: ${how}`))
  }
}

/** The same promise, which tells when somebody waits for it. */
function watched(promise: Promise<void>, awaited: () => void): Promise<void> {
  return new Proxy(promise, {
    get(target, name) {
      if (name === 'then') awaited()
      // Not equal to `Promise`: whoever awaits it asks for `then`.
      if (name === 'constructor') return Object
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

import { SyncError, toSyncError } from '../errors.ts'
import type { Operation } from '../providers/provider.ts'
import type { Clock } from './clock.ts'

/** A fault that may be a file's, its folder's, or the site's. */
export interface Suspicion {
  readonly site: string
  /** What was being done at the site. */
  readonly operation: Operation
  /** Where, as one text a folder. */
  readonly folder: string
  /** Which file, as one text. */
  readonly file: string
  readonly error: SyncError
  /** When the attempt began, by the clock. */
  readonly startedAt: number
  /** Ends the wait for a verdict. */
  readonly signal: AbortSignal
}

export interface SiteEvidenceParts {
  readonly clock: Pick<Clock, 'now'>
  /** Does the operation work at the site's root? Rejects with what is wrong. */
  readonly probe: (site: string, operation: Operation) => Promise<void>
}

/** So many folders in a row, and it is no longer a coincidence: the probe at the root does not show what is wrong. */
const FOLDERS_IN_A_ROW = 3
/** Space is short for files, wherever they are. */
const SPACE: ReadonlySet<string> = new Set(['DISK_FULL', 'QUOTA'])

interface Account {
  /** Where it failed since the last success. */
  readonly failing: Set<string>
  /** When the site was found to be in trouble last. */
  troubledAt: number
  running: Promise<SyncError | undefined> | undefined
  next: Promise<SyncError | undefined> | undefined
}

/** Does the blame depend on evidence? Other faults say by themselves whose they are. */
export function isSuspicion(error: SyncError): boolean {
  return !error.isCertain && error.kind !== 'stop'
}

/**
 * Blames the smallest thing that explains a fault. A file, or its folder, is to blame unless the same operation fails at the root of
 * its site, too, or it failed in several folders without a success in between. A probe counts only when it began after the fault.
 */
export class SiteEvidence {
  readonly #parts: SiteEvidenceParts
  readonly #accounts = new Map<string, Account>()

  constructor(parts: SiteEvidenceParts) {
    this.#parts = parts
  }

  /** The operation succeeded for some file of the site. */
  worked(site: string, operation: Operation): void {
    this.#accounts.get(keyOf(site, operation))?.failing.clear()
  }

  /** The fault that the site is in trouble with; undefined when the file is to blame. Rejects when the signal is aborted. */
  async judge(suspicion: Suspicion): Promise<SyncError | undefined> {
    const { site, operation, error, folder, file, startedAt, signal } = suspicion
    const account = this.#account(keyOf(site, operation))
    if (startedAt > account.troubledAt) account.failing.add(SPACE.has(error.code) ? `file ${file}` : `folder ${folder}`)
    const atRoot = await abortable(this.#probe(account, site, operation), signal)
    if (atRoot) {
      // That explains what failed in its folders.
      this.#inTrouble(account)
      return atRoot.isCertain ? atRoot : error
    }
    // The site was found to be in trouble while this attempt was under way, although it may be well again.
    if (startedAt <= account.troubledAt) return error
    if (account.failing.size < FOLDERS_IN_A_ROW) return undefined
    // After the pause they have to fail again, so that a file which never succeeds can't keep its site from everybody else.
    this.#inTrouble(account)
    return error
  }

  #inTrouble(account: Account): void {
    account.failing.clear()
    account.troubledAt = this.#parts.clock.now()
  }

  /** Whoever asks while a probe runs waits for the next one, which all who wait share. */
  async #probe(account: Account, site: string, operation: Operation): Promise<SyncError | undefined> {
    const start = async (): Promise<SyncError | undefined> => {
      account.next = undefined
      account.running = faultOf(this.#parts.probe(site, operation)).finally(() => (account.running = undefined))
      return account.running
    }
    if (account.running === undefined) return start()
    account.next ??= account.running.then(start)
    return account.next
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key)
    if (!account) this.#accounts.set(key, (account = { failing: new Set(), troubledAt: -Infinity, running: undefined, next: undefined }))
    return account
  }
}

async function faultOf(probe: Promise<void>): Promise<SyncError | undefined> {
  try {
    await probe
    return undefined
  } catch (thrown) {
    return toSyncError(thrown)
  }
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(new SyncError('ABORTED', 'stopped', { cause: signal.reason }))
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const keyOf = (site: string, operation: Operation): string => `${operation} ${site}`

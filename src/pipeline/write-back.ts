import { messageOf, SyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import type { Outcome } from '../model/outcome.ts'
import type { RecordResult, WriteResult } from '../model/record-result.ts'
import type { RecordWriter } from '../model/stores.ts'
import type { Clock } from './clock.ts'
import type { Attempt } from './attempt.ts'
import type { Settled } from './contracts.ts'
import { transferFields } from './transfer-fields.ts'

export interface WriteBackParts {
  readonly records: RecordWriter
  /** Does more work wait for this site? Results then wait for each other. */
  readonly isBacklogged: (site: string) => boolean
  readonly clock: Clock
  readonly log: Log
  readonly retryCountOf: (project: string) => number
}

const PAUSE_MS = 250
/** What is asked of MongoDB when the service has to end may take so long. */
const LAST_MS = 1_000

/** Writes the outcome into the record, tells it, and begins to give the lease back: nothing waits for that. Never rejects. */
export async function writeBack(parts: WriteBackParts, attempt: Attempt, outcome: Outcome): Promise<Settled> {
  const result = resultOf(outcome)
  const settled = result ? outcomeOf(outcome, await writeWhileHeld(parts, attempt, result)) : outcome
  tell(parts, attempt, settled)
  attempt.permit.end({ finished: settled.kind === 'synced' })
  return { attempt, outcome: settled }
}

function outcomeOf(outcome: Outcome, written: Attempted): Outcome {
  switch (written.kind) {
    case 'written':
      return outcome
    case 'gone':
      return { kind: 'dropped', reason: `the ${written.what} is gone` }
    case 'rewritten':
      return { kind: 'dropped', reason: 'the record was rewritten meanwhile' }
    case 'fenced':
      return { kind: 'released', reason: 'its lease ended before the result was written', isLeaseLost: true }
    case 'unwritable':
      return { kind: 'released', reason: `the result could not be written: ${written.reason}` }
  }
}

function resultOf(outcome: Outcome): RecordResult | undefined {
  switch (outcome.kind) {
    case 'synced':
      return { kind: 'synced', id: outcome.id }
    case 'failed':
    case 'site-trouble':
      return { kind: outcome.kind, error: oneLine(outcome.error.message) }
    default:
      return undefined
  }
}

/** A record's `error` is one line of text that any reader can show. */
function oneLine(text: string): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  // What is cut in the middle of a character would be stored as another text than was written.
  return line.length > 1_000 ? `${line.slice(0, 999).replace(/[\ud800-\udbff]$/, '')}…` : line
}

type Attempted = WriteResult | { readonly kind: 'unwritable'; readonly reason: string }

/**
 * The bytes are there and cost something: the result is tried for as long as the lease lasts, or until the service has to end. Writing it
 * twice changes nothing.
 */
async function writeWhileHeld(
  { records, clock, isBacklogged }: WriteBackParts,
  attempt: Attempt,
  result: RecordResult,
): Promise<Attempted> {
  for (;;) {
    try {
      const { until } = attempt.permit.claim
      const write = records.write({ address: attempt.transfer, result, until, lingers: isBacklogged(attempt.transfer.site) })
      const written = await beforeTheEnd(write, attempt, clock)
      // A write that was long on its way carries an end of the lease that has been moved on since.
      if (written.kind !== 'fenced' || attempt.permit.claim.until <= until) return written
    } catch (error) {
      // A fault with a code of ours stays as it is, however often it is tried.
      if (error instanceof SyncError || clock.now() >= attempt.permit.claim.localDeadline || isGivenBack(attempt.signal))
        return { kind: 'unwritable', reason: messageOf(error) }
      await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve))
    }
  }
}

/** The service ends while MongoDB is unavailable: the result is given up, and the next attempt finds the file at the site. */
async function beforeTheEnd<T>(work: Promise<T>, { signal }: Attempt, clock: Clock): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let cancel: (() => void) | undefined
  const end = (): void => {
    if (isGivenBack(signal)) cancel = clock.after(LAST_MS, () => reject(new Error('MongoDB did not answer before the attempt had to end')))
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  work.then(resolve, reject)
  try {
    return await promise
  } finally {
    cancel?.()
    signal.removeEventListener('abort', end)
  }
}

function isGivenBack({ aborted, reason }: AbortSignal): boolean {
  return aborted && (reason as Partial<Outcome> | undefined)?.kind === 'released'
}

/** The site that served it. */
function cameFrom({ transfer: { route } }: Attempt): { readonly source?: string } {
  return 'error' in route ? {} : { source: route.sourceSite.name }
}

function tell({ log, clock, retryCountOf }: WriteBackParts, attempt: Attempt, outcome: Outcome): void {
  const fields = { ...transferFields(attempt), durationMs: clock.now() - attempt.startedAt }
  const { tries, project } = attempt.transfer
  switch (outcome.kind) {
    case 'synced':
      return log.event('transfer.succeeded', {
        ...fields,
        bytes: outcome.bytes,
        extra: { sent_bytes: outcome.sent, remote_id: outcome.id, ...cameFrom(attempt) },
      })
    case 'failed':
      log.event('transfer.failed', { ...fields, tries: tries + 1, error: outcome.error })
      if (tries + 1 >= retryCountOf(project)) log.event('transfer.exhausted', { ...fields, tries: tries + 1, error: outcome.error })
      return
    case 'site-trouble':
      return log.event('transfer.failed', { ...fields, level: 'warn', tries, error: outcome.error })
    case 'dropped':
      return log.event('transfer.dropped', { ...fields, message: outcome.reason })
    case 'postponed':
      return log.event('transfer.released', { ...fields, level: 'debug', message: outcome.reason })
    case 'released':
      return log.event('transfer.released', {
        ...fields,
        message: outcome.reason,
        ...(outcome.isLeaseLost && { extra: { lease_lost: true } }),
      })
    case 'refused':
    // Nobody was told that it started.
  }
}

import { auditTime, buffer, connect, filter, identity, map, merge, mergeAll, partition, tap, timer } from 'rxjs'
import type { Observable, OperatorFunction } from 'rxjs'

import type { Log } from '../model/log.ts'
import { projectSettings } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import type { Gone, Hint } from '../pipeline/planner.ts'
import type { ScanPlan } from '../pipeline/scan-plan.ts'
import type { InstanceReport } from '../streams/state-database.ts'
import type { StreamEvent } from '../streams/stream-event.ts'

type Changed = Extract<StreamEvent, { readonly kind: 'changed' }>
/** A change of a document. */
export type Heard = Pick<Changed, 'project' | 'representationId' | 'appeared' | 'writtenAt'>

export interface ChangeHintsParts {
  readonly settings: Settings
  readonly log: Log
  /** Something changed in this project. */
  readonly noticed: (project: string) => void
  /** This project's collection, or all of them, may not be the one it was. */
  readonly forgotten: (project?: string) => void
  /** A document is gone, or all of a project. */
  readonly gone: (what: Gone) => void
  /** What the stream told of a document, our own results as well. */
  readonly heard?: ((change: Heard) => void) | undefined
  /** Are so many results in a document this process's own? */
  readonly areOurs: (document: Pick<Hint, 'project' | 'representationId'>, results: number) => boolean
  /** How long results of others wait for each other, in milliseconds. @defaultValue 0: each is told at once */
  readonly resultsLingerMs?: number
  readonly turned: (stream: InstanceReport['stream'], fault?: string) => void
  readonly scan: ScanPlan['request']
  /** Work can be taken from now on. */
  readonly ready: () => void
}

/** The stream is silent so long that nobody waits for it. */
interface Overdue {
  readonly kind: 'overdue'
}

/** How long the first scan waits for a stream to be open before it, which saves a second one. */
const FIRST_WORD_MS = 1_000
/** How long a result of another instance waits for others, where there are several: the documents of all are read by one request. */
export const RESULTS_LINGER_MS = 200

/**
 * The change stream's hints; what it says of itself is told, and leads to a scan where changes may have been missed. Work begins
 * whatever becomes of the stream.
 */
export function changeHints(events$: Observable<StreamEvent>, parts: ChangeHintsParts): Observable<Hint> {
  const { settings, noticed, scan, ready } = parts
  let hasBegun = false
  const scanned = (): void => {
    scan(hasBegun ? { reason: 'stream' } : { reason: 'start', regular: true })
    hasBegun = true
    ready()
  }
  const overdue$ = timer(FIRST_WORD_MS).pipe(map((): Overdue => ({ kind: 'overdue' })))
  return merge(events$, overdue$).pipe(
    tap((event) => {
      if (event.kind !== 'overdue') react(event, parts, scanned)
      else if (!hasBegun) scanned()
    }),
    filter((event) => event.kind === 'changed'),
    filter(({ project }) => projectSettings(settings, project).enabled),
    tap((change) => {
      noticed(change.project)
      parts.heard?.(change)
    }),
    filter((event) => event.results === undefined || !parts.areOurs(event, event.results)),
    together(isForeignResult, parts.resultsLingerMs ?? 0),
    map(({ kind: _changed, results: _results, writtenAt: _writtenAt, ...hint }) => hint),
  )
}

/** A file has arrived somewhere. Who takes a pause out of a record wants an attempt at once. */
function isForeignResult({ results, occasion }: Changed): boolean {
  return results !== undefined && occasion.unpaused !== true
}

/** These come together, a moment after the first of them; all others at once. */
function together(linger: (change: Changed) => boolean, ms: number): OperatorFunction<Changed, Changed> {
  if (ms === 0) return identity
  return connect((changes$) => {
    const [lingering$, prompt$] = partition(changes$, linger)
    return merge(prompt$, lingering$.pipe(buffer(lingering$.pipe(auditTime(ms))), mergeAll()))
  })
}

function react(event: StreamEvent, { log, turned, forgotten, gone, scan }: ChangeHintsParts, scanned: () => void): void {
  switch (event.kind) {
    case 'changed':
      return
    case 'deleted':
      return gone(event)
    case 'gone':
      gone(event)
      return forgotten(event.project)
    case 'moved':
      return scan({ reason: 'stream' })
    case 'lost':
      turned('lost', event.reason)
      return log.event('stream.lost', { message: event.reason, extra: { history_lost: event.historyLost } })
    case 'opened':
    case 'resumed':
      turned('open')
      if (event.kind === 'opened') forgotten()
      log.event(event.kind === 'opened' ? 'stream.opened' : 'stream.resumed')
      break
    case 'unavailable':
      turned('unavailable', event.reason)
      log.event('stream.unavailable', { message: `no change stream here (${event.reason}); scans alone find the work` })
  }
  // The stream is open before the scan begins: what happens meanwhile is told.
  scanned()
}

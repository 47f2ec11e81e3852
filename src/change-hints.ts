import { filter, map, tap, type Observable } from 'rxjs'

import type { Log } from './model/log.ts'
import { projectSettings } from './model/project-settings.ts'
import type { Settings } from './model/settings.ts'
import type { Hint } from './pipeline/lookout.ts'
import type { ScanPlan } from './pipeline/scan-plan.ts'
import type { StreamEvent } from './streams/change-stream.ts'
import type { InstanceReport } from './streams/state-database.ts'

export interface ChangeHintsParts {
  readonly settings: Settings
  readonly log: Log
  /** Something changed in this project. */
  readonly noticed: (project: string) => void
  /** This project's collection, or all of them, may not be the one it was. */
  readonly forgotten: (project?: string) => void
  readonly turned: (stream: InstanceReport['stream']) => void
  readonly scan: ScanPlan['request']
  /** Work can be taken from now on. */
  readonly ready: () => void
}

/** The change stream's hints; what it says of itself is told, and leads to a scan where changes may have been missed. */
export function changeHints(events$: Observable<StreamEvent>, parts: ChangeHintsParts): Observable<Hint> {
  const { settings, noticed } = parts
  let isFirst = true
  const firstly = (): boolean => {
    const was = isFirst
    isFirst = false
    return was
  }
  return events$.pipe(
    tap((event) => react(event, parts, firstly)),
    filter((event) => event.kind === 'changed'),
    filter(({ project }) => projectSettings(settings, project).enabled),
    tap(({ project }) => noticed(project)),
    map(({ kind: _changed, ...hint }) => hint),
  )
}

function react(event: StreamEvent, { log, turned, forgotten, scan, ready }: ChangeHintsParts, firstly: () => boolean): void {
  switch (event.kind) {
    case 'changed':
      return
    case 'gone':
      return forgotten(event.project)
    case 'moved':
      return scan({ reason: 'stream' })
    case 'lost':
      turned('lost')
      return log.event('stream.lost', { message: event.reason, extra: { history_lost: event.historyLost } })
    case 'opened':
    case 'resumed':
      turned('open')
      if (event.kind === 'opened') forgotten()
      log.event(event.kind === 'opened' ? 'stream.opened' : 'stream.resumed')
      break
    case 'unavailable':
      turned('unavailable')
      log.event('stream.unavailable', { message: `no change stream here (${event.reason}); scans alone find the work` })
  }
  // The stream is open before the scan begins: what happens meanwhile is told.
  scan(firstly() ? { reason: 'start', regular: true } : { reason: 'stream' })
  ready()
}

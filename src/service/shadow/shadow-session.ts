import { concatMap, defer, fromEvent, merge, mergeMap, NEVER, Subject, takeUntil } from 'rxjs'

import { closedSites } from '../../model/closed-sites.ts'
import type { Log } from '../../model/log.ts'
import type { Settings } from '../../model/settings.ts'
import { countingSites } from '../../model/verdict.ts'
import { projectSettings } from '../../model/project-settings.ts'
import { systemClock } from '../../pipeline/clock.ts'
import { coalesce } from '../../pipeline/coalesce.ts'
import { HINTS, keyOfHint, Planner, type Hint } from '../../pipeline/planner.ts'
import { ScanPlan } from '../../pipeline/scan-plan.ts'
import { ProviderPool } from '../../providers/provider-pool.ts'
import { foldsCase } from '../../providers/registry.ts'
import { appearedStore } from '../../streams/appeared.ts'
import { watchChanges } from '../../streams/change-stream.ts'
import type { Connections } from '../../streams/connect.ts'
import { controlStore } from '../../streams/control-store.ts'
import { ProjectRoots } from '../../streams/project-roots.ts'
import { representationReader } from '../../streams/representation-reader.ts'
import type { TokenStore } from '../../streams/resume-token.ts'
import { serverTime } from '../../streams/scan.ts'
import { AlwaysAccessible } from '../always-accessible.ts'
import { changeHints } from '../change-hints.ts'
import { PauseWatch } from '../pause-watch.ts'
import { Projects } from '../projects.ts'
import { readOnlyMemory } from '../read-only-memory.ts'
import { toldOutage } from '../told-outage.ts'
import { findMisconfigured, tellOpenRoots, tellSkipped } from '../site-check.ts'
import { appearedInMemory } from './appeared-in-memory.ts'
import { AssumedRecords } from './assumed-records.ts'
import { WouldWrite } from './would-write.ts'

/** The place in the change stream lives as long as the process: whoever syncs has one of its own. */
const NO_TOKENS: TokenStore = {
  load: async () => await Promise.resolve(undefined),
  save: async () => await Promise.resolve(),
}

export interface ShadowSessionParts {
  readonly settings: Settings
  readonly log: Log
  readonly connections: Connections
  readonly ready: () => void
}

/** Finds work as the service does, under one configuration, and tells what it would do. Resolves after the signal. */
export async function shadowSession({ settings, log, connections, ready }: ShadowSessionParts, signal: AbortSignal): Promise<void> {
  const { database, stateDatabase } = settings.mongo
  const { work, stream } = connections
  const db = work.db(database)
  await using providers = new ProviderPool({
    memory: readOnlyMemory(),
    isSource: () => true,
    warn: (site, message) => log.event('site.warning', { site: site.name, message }),
    ...(settings.ownFiles && { ownFiles: settings.ownFiles }),
  })
  tellSkipped(settings, log)
  tellOpenRoots(settings, log)
  const misconfigured = await findMisconfigured(settings, providers, log)
  const roots = new ProjectRoots({ db, settings })
  const prepare = async (project: string, options?: { readonly again: boolean }): Promise<void> => await roots.prepare(project, options)
  const controls = controlStore(work.db(stateDatabase), database)
  const read = async () => [...(await controls.pauses()), ...closedSites(settings, systemClock.wallTime())]
  const outage = toldOutage(log)
  signal.addEventListener('abort', () => outage.close(), { once: true })
  const resumed$ = new Subject<void>()
  const resumed = (request: Parameters<ScanPlan['request']>[0]): void => {
    scans.request(request)
    resumed$.next()
  }
  const obeying = { obey: () => undefined, scan: resumed }
  using pauses = await PauseWatch.open({ read, log, engine: () => obeying, isIdle: () => false }, outage, () => signal.aborted)
  const would = new WouldWrite(log, () => pauses.current)
  const assumed = new AssumedRecords((project) => projectSettings(settings, project))
  const accessible = new AlwaysAccessible({
    db,
    store: appearedInMemory(appearedStore(work.db(stateDatabase), database)),
    settings,
    log,
    add: async (project, document, missing) => {
      would.add(project, document, missing)
      assumed.add(project, document)
      would.tell(planner.found(project, document, {}))
      await Promise.resolve()
    },
  })
  const hasRoom = (site: string, _priority: number, project: string): boolean => !pauses.current.holding(project, site)
  const appeared = async (project: string, stop: AbortSignal): Promise<void> => accessible.scan(project, stop)
  await using projects = new Projects({ settings, work, log, prepare, appeared, hasRoom, isReadOnly: true })
  const planner: Planner = new Planner({
    reader: roots.noticing(representationReader(db, (project) => countingSites(projectSettings(settings, project)))),
    running: new Map(),
    forget: () => undefined,
    log,
    settingsOf: (project) => roots.settingsOf(project),
    prepare,
    appeared: async (project, document) => {
      // Its plan is made in the same turn.
      assumed.add(project, document)
      await accessible.appeared(project, document)
    },
    asIf: (...of) => assumed.asIf(...of),
    misconfigured,
    samePlaces: new Map(),
    foldsCase,
    unread: (error) => {
      if (signal.aborted) return
      log.event('service.unexpected', { error, level: 'warn' })
      scans.request({ reason: 'overflow' })
    },
  })
  const scans: ScanPlan = new ScanPlan({
    pages: (request, stop) => projects.pages(request, stop),
    found: (project, document, occasion) => planner.found(project, document, occasion),
    serverTime: async () => await serverTime(db),
    room$: NEVER,
    log,
    clock: systemClock,
    loopDelayMs: settings.loopDelaySeconds * 1_000,
  })
  const changes = watchChanges(stream.db(database), NO_TOKENS)
  const hints$ = changeHints(changes.events$, {
    settings,
    log,
    noticed: () => undefined,
    forgotten: (project) => roots.forgotten(project),
    gone: ({ project, representationId }) => {
      if (representationId === undefined) return
      would.forget(keyOfHint({ project, representationId }))
      assumed.forget(project, representationId)
    },
    areOurs: () => false,
    turned: () => undefined,
    scan: (request) => scans.request(request),
    ready,
  })
  const stop$ = fromEvent(signal, 'abort')
  const looked$ = hints$.pipe(
    coalesce({
      ...HINTS,
      run: (hints: readonly Hint[]) => defer(async () => await planner.look(hints)).pipe(mergeMap((found) => found)),
      overflowed: () => scans.request({ reason: 'overflow' }),
    }),
  )
  const again$ = resumed$.pipe(
    mergeMap(() => assumed.hints),
    concatMap(async (hint) => planner.look([hint])),
    mergeMap((found) => found),
  )
  if (signal.aborted) return
  await new Promise<void>((resolve, reject) => {
    merge(scans.run(stop$), looked$, again$)
      .pipe(takeUntil(stop$))
      .subscribe({ next: (found) => would.tell(found), complete: resolve, error: reject })
  })
  await changes.finished
}

import type { Db } from 'mongodb'

import type { Log } from '../../model/log.ts'
import type { Pauses } from '../../model/pauses.ts'
import type { Settings, VerifySchedule } from '../../model/settings.ts'
import { projectSites } from '../../model/sources.ts'
import type { Clock } from '../../pipeline/clock.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { audit } from '../../streams/audit.ts'
import type { VerifyRound, VerifyRounds } from '../../streams/verify-rounds.ts'
import type { Pace } from './pace.ts'
import { checkRecord, noVerifyCounts, recordsThere, wrongOf, type Found, type VerifyCounts } from './verify-sites.ts'
import type { Item } from './walk.ts'

export interface ScheduleParts {
  /** The instance's id. */
  readonly id: string
  readonly settings: Settings
  readonly schedule: VerifySchedule
  readonly log: Log
  readonly clock: Clock
  readonly state: Db
  readonly providers: Pick<ProviderPool, 'get'>
  readonly misconfigured: ReadonlyMap<string, unknown>
  readonly pauses: { readonly current: Pauses; readonly fresh: () => Promise<void> }
}

export interface RoundParts extends Omit<ScheduleParts, 'pauses' | 'schedule'> {
  readonly db: Db
  readonly site: string
  readonly rounds: VerifyRounds<VerifyCounts>
  readonly pace: Pace
  readonly signal: AbortSignal
  /** Nobody else has taken over. */
  readonly isOurs: () => boolean
  readonly every: string
  readonly isPaused: (project: string) => 'site' | 'project' | undefined
}

/** `trouble`: the site, or one that its files are compared with, can't be looked at for now. */
export type RoundEnd = 'finished' | 'trouble' | 'left'

/** What was looked at is written down so often at most. Milliseconds. */
const SAVE_EVERY_MS = 5_000
/** After so long the files of what is still in trouble are passed over: a root that is gone for good must not keep the others. Milliseconds. */
const GIVE_UP_MS = 24 * 3_600_000
/** Files in trouble, one after the other, until it is taken for more than theirs: then what is in trouble is not asked again in this turn. */
const ENOUGH = 3
/** How long copies that could not be reached are not asked again. Milliseconds. */
const TROUBLE_MS = 600_000

/** Goes on with a round through the files of a site, until it has an end. Files of a document that was not ended are looked at again. */
export async function runRound(parts: RoundParts, round: VerifyRound<VerifyCounts>): Promise<RoundEnd> {
  const { site, log, clock, rounds, signal, pace, isPaused } = parts
  const isNew = round.position === undefined && round.waitingSince === undefined
  log.event('verify.started', { site, ...(!isNew && { level: 'debug', message: 'a scheduled verify of a site goes on' }) })
  const counts: VerifyCounts = { ...noVerifyCounts(), ...round.counts }
  let reached = { ...round, counts: { ...counts } }
  let savedAt = clock.now()
  let last: Item | undefined
  let afterLast = { ...counts }
  const keep = async (): Promise<void> => {
    savedAt = clock.now()
    await rounds.write(site, reached)
  }
  const ended = async (): Promise<void> => {
    if (!last) return
    const { waitingSince: _over, ...rest } = reached
    reached = { ...rest, counts: { ...afterLast }, position: { project: last.project, after: last.document._id } }
    if (clock.now() - savedAt >= SAVE_EVERY_MS) await keep()
  }
  const { waitingSince } = round
  const isPatient = !waitingSince || clock.wallTime().getTime() - waitingSince.getTime() < GIVE_UP_MS
  const trouble = new Map<string, string>()
  let inTrouble = 0
  let clearedAt = clock.now()
  const looking = { ...parts, selection: { site, all: true as const }, mend: 'report' as const, isDryRun: true }
  if (isNew) await keep()
  try {
    for await (const item of recordsThere(looking, counts, round.position)) {
      if (last && item.document !== last.document) await ended()
      await pace.turn(signal)
      const paused = isPaused(item.project)
      if (signal.aborted || paused === 'site') return await leave()
      if (paused === 'project' || !projectSites(item.settings).includes(site)) counts.not_looked++
      else {
        const found = await checkRecord(looking, item, trouble, counts)
        if (signal.aborted) return await leave()
        const isTrouble = found?.finding === 'not-looked' && trouble.size > 0
        if (isTrouble && isPatient) return await wait(found.why)
        inTrouble = isTrouble ? inTrouble + 1 : 0
        if ((isTrouble && inTrouble < ENOUGH) || clock.now() - clearedAt >= TROUBLE_MS) {
          trouble.clear()
          clearedAt = clock.now()
        }
        if (found && found.finding !== 'not-looked') tell(found)
      }
      last = item
      afterLast = { ...counts }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (signal.aborted) return await leave()
  await ended()
  await finish()
  return 'finished'

  function tell({ project, representation: representationId, path, finding, why }: Found): void {
    log.event('verify.found', { site, project, representationId, path, message: `${finding}: ${why}`, extra: { finding } })
  }

  async function leave(): Promise<RoundEnd> {
    if (parts.isOurs()) await keep()
    return 'left'
  }

  async function wait(why: string): Promise<RoundEnd> {
    const said = reached.waitingSince ? { level: 'debug' as const } : {}
    log.event('verify.waiting', { site, message: `a scheduled verify of site ${JSON.stringify(site)} waits: ${why}`, ...said })
    reached = { ...reached, waitingSince: reached.waitingSince ?? clock.wallTime() }
    await keep()
    return 'trouble'
  }

  async function finish(): Promise<void> {
    const wrong = wrongOf(counts)
    const { records: looked, missing, changed, truncated, duplicated, alone, not_looked: notLooked, nowhere_else: nowhereElse } = counts
    log.event('verify.finished', {
      site,
      message: `a scheduled verify of site ${JSON.stringify(site)} looked at ${looked} files: ${wrong} are not as their records say`,
      extra: { looked, missing, changed, truncated, duplicated, alone, not_looked: notLooked, nowhere_else: nowhereElse },
      ...(wrong > 0 && { level: 'warn', outcome: 'failure' }),
    })
    const { id: who, state, every } = parts
    await audit(state, { who, action: 'verify', selection: { site, schedule: every }, records: 0, representations: 0, looked, wrong })
    const { position: _done, waitingSince: _over, ...rest } = reached
    await rounds.write(site, { ...rest, counts, finished: clock.wallTime() })
  }
}

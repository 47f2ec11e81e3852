import { MongoError } from 'mongodb'

import type { Pauses } from '../../model/pauses.ts'
import { anyOf, publishSites, servesSite } from '../../model/project-settings.ts'
import { every } from '../../pipeline/every.ts'
import { hold } from '../../streams/holding.ts'
import { PatientClient } from '../../streams/patient-client.ts'
import { verifyRounds, type VerifyRound, type VerifyRounds } from '../../streams/verify-rounds.ts'
import { knownSites } from '../edit-records.ts'
import { Pace } from './pace.ts'
import { runRound, type RoundEnd, type ScheduleParts } from './verify-round.ts'
import type { VerifyCounts } from './verify-sites.ts'

/** How often it is looked whether a round is due, or may go on. Milliseconds. */
const LOOK_EVERY_MS = 10_000
/** How long a site in trouble is left alone: at first, and at most. Milliseconds. */
const [WAIT_MS, MAX_WAIT_MS] = [30_000, 600_000]

/**
 * Looks in the background whether files are at the sites as their records say, site by site, and tells what is not; it changes no record.
 * Each site is one instance's at a time, and where a round got to is kept, so that any instance goes on with it.
 */
export class ScheduledVerify implements AsyncDisposable {
  readonly #parts: ScheduleParts
  readonly #rounds: VerifyRounds<VerifyCounts>
  readonly #pace: Pace
  readonly #ended = new AbortController()
  readonly #turns = new Map<string, Promise<void>>()
  /** Sites in trouble: how long they are left alone, and what ends that early. */
  readonly #waits = new Map<string, { readonly ms: number; isOver: boolean; readonly cancel: () => void }>()
  readonly #stops: readonly (() => void)[]
  readonly #patient: PatientClient
  #looking = 0

  constructor(parts: ScheduleParts) {
    this.#parts = parts
    const { clock, schedule, state, settings } = parts
    this.#rounds = verifyRounds(state, settings.mongo.database)
    this.#patient = new PatientClient(settings.mongo.uri)
    this.#pace = new Pace(clock, schedule.rate)
    this.#stops = sitesOf(parts).map((site) =>
      every(clock, LOOK_EVERY_MS, async () => {
        const turn = this.#turn(site)
        this.#turns.set(site, turn)
        await turn
      }),
    )
  }

  /** Is a round under way here? */
  get isLooking(): boolean {
    return this.#looking > 0
  }

  /** No more is looked at; what was found is kept. */
  stop(): void {
    this.#ended.abort()
    for (const stop of this.#stops) stop()
    for (const { cancel } of this.#waits.values()) cancel()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await Promise.all(this.#turns.values())
    await this.#patient[Symbol.asyncDispose]()
  }

  /** Goes on with the round of a site, where one is due and nobody else is at it. Never rejects. */
  async #turn(site: string): Promise<void> {
    const { log, settings, state, id, pauses } = this.#parts
    if (this.#ended.signal.aborted || this.#waits.get(site)?.isOver === false) return
    if (holdingSite(pauses.current, site)) return
    try {
      if (!(await this.#dueRound(site))) return
      await using held = await hold(state, `verify ${JSON.stringify([settings.mongo.database, site])}`, id, settings.leaseSeconds)
      // Whoever had it before may have ended it.
      const round = held && (await this.#dueRound(site))
      if (!held || !round) return
      this.#looking++
      await this.#goOn(site, round, held.signal).finally(() => this.#looking--)
    } catch (error) {
      // While MongoDB is unavailable nothing is due, and of two who take the same lease at the same moment one has it.
      if (!(error instanceof MongoError) && !this.#ended.signal.aborted) log.event('service.unexpected', { site, error })
    }
  }

  /** `held`: aborted when it is not ours any more. */
  async #goOn(site: string, round: VerifyRound<VerifyCounts>, held: AbortSignal): Promise<void> {
    const { settings, pauses, schedule } = this.#parts
    await pauses.fresh()
    if (holdingSite(pauses.current, site)) return
    const signal = AbortSignal.any([this.#ended.signal, held])
    const isPaused = (project: string): 'site' | 'project' | undefined => {
      if (holdingSite(pauses.current, site)) return 'site'
      return pauses.current.holding(project, site) ? 'project' : undefined
    }
    const isOurs = (): boolean => !held.aborted
    const parts = { ...this.#parts, site, rounds: this.#rounds, pace: this.#pace, signal, isOurs, isPaused, every: schedule.every }
    const end = await this.#patient.use(async (client) => runRound({ ...parts, db: client.db(settings.mongo.database) }, round))
    this.#leave(site, end)
  }

  /** The round that is under way, or a new one when it is time for it. */
  async #dueRound(site: string): ReturnType<VerifyRounds<VerifyCounts>['read']> {
    const { clock, schedule } = this.#parts
    const round = await this.#rounds.read(site)
    const now = clock.wallTime()
    if (round && !round.finished) return round
    if (round && now.getTime() < round.started.getTime() + schedule.everyMs) return undefined
    return { started: now, counts: {} as VerifyCounts }
  }

  #leave(site: string, end: RoundEnd): void {
    if (end !== 'trouble' || this.#ended.signal.aborted) return void this.#waits.delete(site)
    const ms = Math.min(MAX_WAIT_MS, (this.#waits.get(site)?.ms ?? WAIT_MS / 2) * 2)
    const wait = { ms, isOver: false, cancel: this.#parts.clock.after(ms, () => (wait.isOver = true)) }
    this.#waits.set(site, wait)
  }
}

/** A pause of the site in all projects, or of everything. */
const holdingSite = (pauses: Pauses, site: string): boolean =>
  pauses.all.some((pause) => pause.project === undefined && (pause.site === undefined || pause.site === site))

/** Those that this instance sends to or publishes at: others it may not even reach. */
function sitesOf({ settings, schedule, misconfigured }: ScheduleParts): readonly string[] {
  const isMeant = anyOf(schedule.sites)
  const own = [...publishSites(settings), settings.localId]
  return [...knownSites(settings)].filter(
    (site) => isMeant(site) && !misconfigured.has(site) && (own.includes(site) || servesSite(settings, site)),
  )
}

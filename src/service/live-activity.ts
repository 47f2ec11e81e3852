import { isDeepStrictEqual } from 'node:util'

import {
  addSpeeds,
  mergeActivities,
  STEP_MS,
  type Activity,
  type EndedTransfer,
  type SiteBytes,
  type SiteSpeed,
} from '../model/activity.ts'
import { activityStore } from '../streams/activity-store.ts'
import type { ActivityKeeper } from './activity-keeper.ts'
import type { Inspection } from './inspection.ts'

export interface LiveActivityParts {
  readonly inspection: () => Promise<Inspection>
  readonly instance: string
  /** What this instance did lately. */
  readonly activity: Pick<ActivityKeeper, 'read' | 'speeds'>
  readonly send: (event: ActivityEvent) => void
}

export type ActivityEvent =
  /** Bytes a second that arrive now; sites that are not named: none. */
  | { readonly kind: 'speeds'; readonly speeds: readonly SiteSpeed[] }
  /** The last hour, and transfers that ended since the last event. */
  | {
      readonly kind: 'activity'
      readonly throughput: readonly SiteBytes[]
      readonly step_seconds: number
      readonly ended: readonly EndedTransfer[]
    }

export interface ActivitySnapshot {
  readonly throughput: readonly SiteBytes[]
  readonly step_seconds: number
  readonly ended: readonly EndedTransfer[]
  readonly speeds: readonly SiteSpeed[]
}

const LOOK_EVERY_MS = 5_000

/** What all instances did in the last hour: this one as it is now, others as they have last said. */
export async function activityOfAll(
  { stateDb, settings }: Inspection,
  instance: string,
  own: Pick<ActivityKeeper, 'read'>,
): Promise<Activity> {
  const others = await activityStore(stateDb, settings.mongo.database).others(instance)
  return mergeActivities([own.read(), ...others], Date.now())
}

/** Tells those who look on how much arrives, and what ended. */
export class LiveActivity {
  readonly #parts: LiveActivityParts
  #isLooking = false
  #nextAt = -Infinity
  #told: readonly SiteBytes[] | undefined
  #toldEnds = new Set<string>()
  /** Somebody knows another `throughput` than was told. */
  #isOtherwise = false
  #others: readonly (readonly SiteSpeed[])[] = []
  #speeds: readonly SiteSpeed[] | undefined

  constructor(parts: LiveActivityParts) {
    this.#parts = parts
  }

  async snapshot(inspection: Inspection): Promise<ActivitySnapshot> {
    const { sites, ended } = await activityOfAll(inspection, this.#parts.instance, this.#parts.activity)
    return { throughput: sites, step_seconds: STEP_MS / 1_000, ended, speeds: this.#now() }
  }

  /** Somebody begins with this snapshot. Whoever comes first has been told all of it by that; where others were told otherwise, it is told again. */
  reconcile({ throughput, ended, speeds }: ActivitySnapshot): void {
    if (!isDeepStrictEqual(speeds, this.#speeds)) this.#speeds = undefined
    if (this.#told === undefined) return this.#remember({ sites: throughput, ended })
    const known = new Set(ended.map(({ id }) => id))
    for (const id of this.#toldEnds) if (!known.has(id)) this.#toldEnds.delete(id)
    this.#isOtherwise ||= !isDeepStrictEqual(throughput, this.#told)
  }

  /** What arrives at the other instances. */
  tellSpeeds(others: readonly (readonly SiteSpeed[])[]): void {
    this.#others = others
    const speeds = this.#now()
    if (!isDeepStrictEqual(speeds, this.#speeds)) this.#parts.send({ kind: 'speeds', speeds })
    this.#speeds = speeds
  }

  /** Looks, when it is time. */
  async turn(): Promise<void> {
    if (this.#isLooking || performance.now() < this.#nextAt) return
    this.#isLooking = true
    try {
      const { instance, activity, send } = this.#parts
      const { sites, ended } = await activityOfAll(await this.#parts.inspection(), instance, activity)
      const fresh = ended.filter(({ id }) => !this.#toldEnds.has(id))
      if (fresh.length > 0 || this.#isOtherwise || !isDeepStrictEqual(sites, this.#told))
        send({ kind: 'activity', throughput: sites, step_seconds: STEP_MS / 1_000, ended: fresh })
      this.#remember({ sites, ended })
    } catch {
      // MongoDB does not answer: looked at again.
    } finally {
      this.#nextAt = performance.now() + LOOK_EVERY_MS
      this.#isLooking = false
    }
  }

  /** Nobody looks on any more. */
  forget(): void {
    this.#told = undefined
    this.#toldEnds.clear()
    this.#others = []
    this.#speeds = undefined
  }

  #remember({ sites, ended }: Pick<Activity, 'sites' | 'ended'>): void {
    this.#told = sites
    this.#isOtherwise = false
    this.#toldEnds = new Set(ended.map(({ id }) => id))
  }

  #now(): readonly SiteSpeed[] {
    return addSpeeds([this.#parts.activity.speeds(), ...this.#others])
  }
}

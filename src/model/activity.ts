/** A minute of the chart, and how many there are: an hour. */
export const STEP_MS = 60_000
export const STEPS = 60
/** What the speed of this moment is an average of: whole seconds. */
const SECOND_MS = 1_000
const SECONDS = 5
/** Transfers that are remembered. */
export const MOST_ENDED = 100

/** A transfer that has ended. */
export interface EndedTransfer {
  /** Its attempt. */
  readonly id: string
  readonly at: Date
  readonly project: string
  readonly representation: string
  readonly path: string
  readonly site: string
  /** The site that it came from. */
  readonly source?: string
  readonly outcome: 'synced' | 'failed'
  /** That were sent; 0 where the same content was there already. */
  readonly bytes: number
  readonly size: number
  readonly ms: number
  readonly error?: string
}

export interface SiteBytes {
  readonly site: string
  /** That arrived in each minute, the oldest first; the last one is the minute that is `minute`. */
  readonly bytes: readonly number[]
}

export interface SiteSpeed {
  readonly site: string
  readonly bytes_per_second: number
}

/** What one instance did lately. */
export interface Activity {
  /** The number of the last minute since 1970. */
  readonly minute: number
  readonly sites: readonly SiteBytes[]
  /** The latest first. */
  readonly ended: readonly EndedTransfer[]
}

/** Amounts by the time at which they came: the last `length` steps, and nothing before. */
class Buckets {
  readonly #stepMs: number
  readonly #amounts: Float64Array
  #last = -Infinity

  constructor(stepMs: number, length: number) {
    this.#stepMs = stepMs
    this.#amounts = new Float64Array(length)
  }

  add(amount: number, at: number): void {
    const n = this.#advance(at) % this.#amounts.length
    this.#amounts[n] = (this.#amounts[n] ?? 0) + amount
  }

  /** The oldest first. */
  read(at: number): readonly number[] {
    const { length } = this.#amounts
    const last = this.#advance(at)
    return Array.from(this.#amounts, (_, n) => this.#amounts[(last + 1 + n) % length] ?? 0)
  }

  /** The step of the time; never one before the last, should the clock be set back. */
  #advance(at: number): number {
    const step = Math.floor(at / this.#stepMs)
    const { length } = this.#amounts
    for (let next = Math.max(this.#last + 1, step - length + 1); next <= step; next++) this.#amounts[next % length] = 0
    this.#last = Math.max(this.#last, step)
    return this.#last
  }
}

/** The bytes that arrived at each site in the last hour, and the transfers that ended last: bounded, whatever happens. */
export class ActivityRecord {
  readonly #sites = new Map<string, { readonly minutes: Buckets; readonly seconds: Buckets }>()
  readonly #ended: EndedTransfer[] = []
  /** Rises with everything that is remembered. */
  version = 0

  add(site: string, bytes: number, at: number): void {
    if (!(bytes > 0)) return
    let of = this.#sites.get(site)
    if (!of) this.#sites.set(site, (of = { minutes: new Buckets(STEP_MS, STEPS), seconds: new Buckets(SECOND_MS, SECONDS + 1) }))
    of.minutes.add(bytes, at)
    of.seconds.add(bytes, at)
    this.version++
  }

  end(transfer: EndedTransfer): void {
    if (this.#ended.push(transfer) > MOST_ENDED) this.#ended.shift()
    this.version++
  }

  /** Of the last whole seconds; sites where nothing arrived are left out. */
  speeds(at: number): readonly SiteSpeed[] {
    return [...this.#sites].flatMap(([site, { seconds }]) => {
      const sum = seconds.read(at).reduce((total, each) => total + each, 0)
      return sum > 0 ? [{ site, bytes_per_second: Math.round(sum / SECONDS) }] : []
    })
  }

  read(at: number): Activity {
    const sites = [...this.#sites].map(([site, { minutes }]) => ({ site, bytes: minutes.read(at) }))
    return { minute: Math.floor(at / STEP_MS), sites: sites.filter(({ bytes }) => bytes.some(Boolean)), ended: this.#ended.toReversed() }
  }
}

/** What several instances did, as of this minute. */
export function mergeActivities(all: readonly Activity[], at: number): Activity {
  const minute = Math.floor(at / STEP_MS)
  const sites = new Map<string, number[]>()
  for (const { minute: last, sites: reported } of all) {
    for (const { site, bytes } of reported) {
      const sums = sites.get(site) ?? Array.from({ length: STEPS }, () => 0)
      sites.set(site, sums)
      for (const [n, amount] of bytes.entries()) {
        // A clock that is ahead does not make the future.
        const to = STEPS - bytes.length + n + Math.min(0, last - minute)
        if (to >= 0) sums[to] = (sums[to] ?? 0) + amount
      }
    }
  }
  const ended = all.flatMap((each) => each.ended).toSorted((one, other) => other.at.getTime() - one.at.getTime())
  return {
    minute,
    sites: [...sites].map(([site, bytes]) => ({ site, bytes })).filter(({ bytes }) => bytes.some(Boolean)),
    ended: ended.slice(0, MOST_ENDED),
  }
}

/** The speeds of several instances together. */
export function addSpeeds(all: readonly (readonly SiteSpeed[])[]): readonly SiteSpeed[] {
  const sums = new Map<string, number>()
  for (const { site, bytes_per_second: speed } of all.flat()) sums.set(site, (sums.get(site) ?? 0) + speed)
  return [...sums].map(([site, speed]) => ({ site, bytes_per_second: speed }))
}

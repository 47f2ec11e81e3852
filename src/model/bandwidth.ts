/** A part of the day, in local time, in which a site's line bears only so much. */
export interface BandwidthWindow {
  /** Minutes since midnight. One that ends no later than it begins ends on the next day. */
  readonly from: number
  readonly to: number
  /** The days on which it begins, 0 is Sunday; undefined: every day. */
  readonly days?: ReadonlySet<number>
  /** Bytes per second; 0: closed. */
  readonly limit: number
}

/** Bytes per second, at all times or by the time of day; where windows overlap the first one counts, outside of all there is no limit. */
export type Bandwidth = number | readonly BandwidthWindow[]

/** What holds at one moment. */
export interface Limit {
  /** Bytes per second; 0: closed; undefined: as much as there is. */
  readonly rate: number | undefined
  /** Since when, and until when at least; undefined: always. */
  readonly since?: Date
  readonly until?: Date
}

const DAY_MINUTES = 24 * 60
const MINUTE_MS = 60_000

export function limitAt(bandwidth: Bandwidth | undefined, now: Date): Limit {
  if (bandwidth === undefined || typeof bandwidth === 'number') return { rate: bandwidth }
  const spans = bandwidth.map((window) => spansAround(window, now))
  const isIn = ({ start, end }: Span): boolean => start <= now && now < end
  const current = spans.findIndex((some) => some.some(isIn))
  const edges = spans.flatMap((some) => some.flatMap(({ start, end }) => [start, end])).map(Number)
  const later = Math.min(...edges.filter((edge) => edge > now.getTime()))
  const earlier = Math.max(...edges.filter((edge) => edge <= now.getTime()))
  return {
    rate: bandwidth[current]?.limit,
    ...(Number.isFinite(earlier) && { since: new Date(earlier) }),
    ...(Number.isFinite(later) && { until: new Date(later) }),
  }
}

/** Windows that follow each other without a gap may close a line for longer than a week; nobody needs to know for how long. */
const MAX_EDGES = 50

/** Since when and until when a line is closed; undefined when it is not. */
export function closedAt(bandwidth: Bandwidth | undefined, now: Date): { readonly since: Date; readonly until?: Date } | undefined {
  const first = limitAt(bandwidth, now)
  if (first.rate !== 0) return undefined
  let { until } = first
  for (let edges = 0; until && edges < MAX_EDGES; edges++) {
    const next = limitAt(bandwidth, until)
    if (next.rate !== 0) return { since: first.since ?? now, until }
    until = next.until
  }
  return { since: first.since ?? now }
}

interface Span {
  readonly start: Date
  readonly end: Date
}

/** The last times that a window began before now, and the next ones, as far as they can matter: those of a week in both directions. */
function spansAround({ from, to, days }: BandwidthWindow, now: Date): readonly Span[] {
  const spans: Span[] = []
  for (let offset = -8; offset <= 8; offset++) {
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset)
    if (days && !days.has(day.getDay())) continue
    const end = to > from ? to : to + DAY_MINUTES
    spans.push({ start: momentOf(day, from), end: momentOf(day, end) })
  }
  return spans
}

/** A change of the clock is at most this long, in minutes. */
const MAX_SHIFT = 180

/**
 * The first moment at which clocks show at least this time on that day: in the night in which an hour is left out that may be its end, and
 * of an hour that comes twice it is the first one.
 */
function momentOf(day: Date, minutes: number): Date {
  const moment = new Date(day.getFullYear(), day.getMonth(), day.getDate(), 0, minutes)
  const shown = shownMinutes(day, moment)
  if (shown === minutes) return moment
  // A time that no clock shows: the clocks were moved on before it.
  for (let back = MAX_SHIFT; back > 0; back--) {
    const earlier = new Date(moment.getTime() - back * MINUTE_MS)
    if (shownMinutes(day, earlier) >= minutes) return earlier
  }
  return moment
}

/** What clocks show, in minutes since the beginning of a day by the calendar. */
function shownMinutes(day: Date, moment: Date): number {
  const days =
    (Date.UTC(moment.getFullYear(), moment.getMonth(), moment.getDate()) - Date.UTC(day.getFullYear(), day.getMonth(), day.getDate())) /
    86_400_000
  return days * DAY_MINUTES + moment.getHours() * 60 + moment.getMinutes()
}

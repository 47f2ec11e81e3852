/** A point of the chart, and how many there are: an hour. */
const STEP_MS = 60_000
const STEPS = 60
/** What "now" is an average of. */
const NOW_MS = 5_000

/** Bytes that arrived at each site since this page was opened, as the progress of transfers tells. */
export class Throughput {
  #sites = new Map()

  add(site, bytes, at = Date.now()) {
    if (!(bytes > 0)) return
    const of = this.#sites.get(site) ?? { recent: [], steps: new Map() }
    this.#sites.set(site, of)
    of.recent.push({ at, bytes })
    while (of.recent[0].at < at - NOW_MS) of.recent.shift()
    const step = Math.floor(at / STEP_MS)
    of.steps.set(step, (of.steps.get(step) ?? 0) + bytes)
    for (const old of of.steps.keys()) if (old <= step - STEPS) of.steps.delete(old)
  }

  /** Bytes a second. */
  now(site, at = Date.now()) {
    const recent = this.#sites.get(site)?.recent.filter((each) => each.at >= at - NOW_MS) ?? []
    return recent.reduce((sum, { bytes }) => sum + bytes, 0) / (NOW_MS / 1_000)
  }

  /** Bytes a second in each minute of the last hour, the oldest first. */
  hour(site, at = Date.now()) {
    const steps = this.#sites.get(site)?.steps
    const last = Math.floor(at / STEP_MS)
    return Array.from({ length: STEPS }, (_, n) => ((steps?.get(last - STEPS + 1 + n) ?? 0) * 1_000) / STEP_MS)
  }
}

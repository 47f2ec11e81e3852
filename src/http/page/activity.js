/** What the chart shows: an hour of minutes, until the service says otherwise. */
const STEPS = 60
/** Transfers that are shown at most. */
const MOST_ENDED = 200

/** The last hour of all instances, as the service tells it: bytes that arrived at each site, and the transfers that ended. */
export class Activity {
  ended = []
  #bytes = new Map()
  #seconds = 60
  /** Undefined while nobody tells. */
  #speeds = undefined

  /** All of it, when the page was connected. */
  reset({ throughput = [], step_seconds: seconds = 60, ended = [], speeds = [] }) {
    this.ended = ended
    this.#tell(throughput, seconds)
    this.tellSpeeds(speeds)
  }

  change({ throughput, step_seconds: seconds, ended }) {
    const known = new Set(this.ended.map(({ id }) => id))
    this.ended = [...ended.filter(({ id }) => !known.has(id)), ...this.ended].slice(0, MOST_ENDED)
    this.#tell(throughput, seconds)
  }

  tellSpeeds(speeds) {
    this.#speeds = new Map(speeds.map(({ site, bytes_per_second: speed }) => [site, speed]))
  }

  /** The service was lost: what arrives now is not known. */
  lost() {
    this.#speeds = undefined
  }

  /** Bytes a second; undefined where that is not known. */
  now(site) {
    return this.#speeds && (this.#speeds.get(site) ?? 0)
  }

  /** Bytes a second in each minute of the last hour, the oldest first. */
  hour(site) {
    const bytes = this.#bytes.get(site) ?? Array.from({ length: STEPS }, () => 0)
    return bytes.map((each) => each / this.#seconds)
  }

  #tell(throughput, seconds) {
    this.#bytes = new Map(throughput.map(({ site, bytes }) => [site, bytes]))
    this.#seconds = seconds
  }
}

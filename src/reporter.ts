import type { SyncError } from './errors.ts'
import type { Settings } from './model/settings.ts'
import type { Engine } from './engine.ts'
import type { InstanceReport, ReportedSite, StateDatabase } from './streams/state-database.ts'

export interface ReporterParts {
  readonly id: Pick<InstanceReport, '_id' | 'database' | 'host' | 'pid' | 'started'>
  readonly state: StateDatabase
  readonly settings: Settings
  readonly misconfigured: ReadonlyMap<string, SyncError>
  readonly engine: Engine
  readonly stream: () => Pick<InstanceReport, 'stream' | 'streamFault'>
}

const EVERY_MS = 10_000

/** Tells the other commands how this instance is doing, every few seconds and when something changes. */
export class Reporter {
  readonly #parts: ReporterParts
  readonly #timer: NodeJS.Timeout
  #writing = false
  #again = false

  constructor(parts: ReporterParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.changed(), EVERY_MS)
    this.changed()
  }

  changed(): void {
    if (this.#writing) this.#again = true
    else void this.#write()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#parts.state.forget(this.#parts.id._id).catch(() => undefined)
  }

  async #write(): Promise<void> {
    const { state, id, stream } = this.#parts
    this.#writing = true
    do {
      this.#again = false
      // A report that could not be written is followed by the next one.
      await state.report({ ...id, ...stream(), sites: this.#sites() }).catch(() => undefined)
    } while (this.#again)
    this.#writing = false
  }

  #sites(): readonly ReportedSite[] {
    const { settings, misconfigured, engine } = this.#parts
    const { health } = engine.gates
    return [...settings.sites.values()].map(({ name, provider }) => {
      const running = [...engine.queue.running.values()].filter(({ transfer }) => transfer.site === name).length
      const counts = { site: name, provider, running, queued: engine.queue.queuedAt(name) }
      const mistake = misconfigured.get(name)
      if (mistake) return { ...counts, state: 'misconfigured', error: mistake.message }
      const now = health.get(name)
      if (!now || now.state === 'ok') return { ...counts, state: 'ok' }
      return { ...counts, state: now.state, error: now.error.message, since: now.since, ...('until' in now && { until: now.until }) }
    })
  }
}

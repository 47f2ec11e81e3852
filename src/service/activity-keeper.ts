import { redact } from '../logging.ts'
import { ActivityRecord, type Activity, type EndedTransfer, type SiteSpeed } from '../model/activity.ts'
import { idPlain } from '../model/document.ts'
import type { Attempt } from '../pipeline/attempt.ts'
import type { Settled } from '../pipeline/contracts.ts'
import type { ActivityStore } from '../streams/activity-store.ts'

export interface ActivityKeeperParts {
  readonly attempts: () => readonly Attempt[]
  /** Undefined while there is nowhere to keep it. */
  readonly save: (activity: Activity) => ReturnType<ActivityStore['save']>
  /** Is there a page that may show it? */
  readonly isWanted: () => boolean
}

const LOOK_EVERY_MS = 1_000
const SAVE_EVERY_MS = 10_000
/** Characters of an error that are remembered. */
const MOST_ERROR = 300

/** How far an attempt was when it was looked at. */
interface Seen {
  /** Where it went on from: bytes that an earlier attempt had sent. */
  readonly from: number
  readonly bytes: number
}

/**
 * Remembers what this instance did in the last hour, in memory. Where some instance has a page it is written to the state database for it,
 * every ten seconds in which something happened.
 */
export class ActivityKeeper {
  readonly #parts: ActivityKeeperParts
  readonly #record = new ActivityRecord()
  readonly #timer: NodeJS.Timeout
  #seen = new Map<string, Seen>()
  #savedVersion = 0
  #savedAt = -Infinity
  #saving: Promise<void> | undefined

  constructor(parts: ActivityKeeperParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  /** What came of a transfer. */
  settled({ attempt, outcome }: Settled): void {
    const seen = this.#seen.get(attempt.id) ?? unseen(attempt)
    this.#seen.delete(attempt.id)
    const isSynced = outcome.kind === 'synced'
    const reached = isSynced ? outcome.sent : attempt.progress.bytes
    const { site, project, representationId, path, route } = attempt.transfer
    const now = Date.now()
    this.#record.add(site, reached - seen.bytes, now)
    if (!isSynced && outcome.kind !== 'failed' && outcome.kind !== 'site-trouble') return
    const ended: EndedTransfer = {
      id: attempt.id,
      at: new Date(now),
      project,
      representation: idPlain(representationId),
      path,
      site,
      ...('sourceSite' in route && { source: route.sourceSite.name }),
      outcome: isSynced ? 'synced' : 'failed',
      bytes: Math.max(0, reached - seen.from),
      size: isSynced ? outcome.bytes : attempt.progress.size,
      ms: Math.round(performance.now() - attempt.startedAt),
      ...('error' in outcome && { error: redact(outcome.error.message).slice(0, MOST_ERROR) }),
    }
    this.#record.end(ended)
  }

  read(): Activity {
    return this.#record.read(Date.now())
  }

  speeds(): readonly SiteSpeed[] {
    return this.#record.speeds(Date.now())
  }

  /** The last word of this instance. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#saving
    if (this.#isNews) await this.#save()
  }

  #look(): void {
    this.#measure()
    if (this.#saving || !this.#isNews || performance.now() - this.#savedAt < SAVE_EVERY_MS) return
    this.#saving = this.#save().finally(() => (this.#saving = undefined))
  }

  /** A large file counts while it is being sent. */
  #measure(): void {
    const begun = this.#parts.attempts().filter(({ stage }) => stage !== 'asking')
    if (begun.length === 0 && this.#seen.size === 0) return
    const seen = new Map<string, Seen>()
    for (const attempt of begun) {
      const { bytes } = attempt.progress
      const before = this.#seen.get(attempt.id) ?? unseen(attempt)
      this.#record.add(attempt.transfer.site, bytes - before.bytes, Date.now())
      seen.set(attempt.id, { from: before.from, bytes })
    }
    this.#seen = seen
  }

  get #isNews(): boolean {
    return this.#record.version !== this.#savedVersion && this.#parts.isWanted()
  }

  async #save(): Promise<void> {
    const { version } = this.#record
    this.#savedAt = performance.now()
    try {
      await this.#parts.save(this.read())
      this.#savedVersion = version
    } catch {
      // Told with the next look at it.
    }
  }
}

const unseen = ({ resumedFrom }: Attempt): Seen => ({ from: resumedFrom, bytes: resumedFrom })

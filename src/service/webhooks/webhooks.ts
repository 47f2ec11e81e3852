import type { SyncError } from '../../errors.ts'
import { arrivalAt, isWhole } from '../../model/arrival.ts'
import { idPlain, idText } from '../../model/document.ts'
import type { WebhookEvent } from '../../model/http-settings.ts'
import type { Log } from '../../model/log.ts'
import { projectSettings } from '../../model/project-settings.ts'
import type { Settings } from '../../model/settings.ts'
import type { Settled } from '../../pipeline/contracts.ts'
import { redact } from '../../logging.ts'
import type { Connections } from '../../streams/connect.ts'
import { representationReader } from '../../streams/representation-reader.ts'
import { sleep } from '../../streams/waiting.ts'
import { webhookStore, type WebhookStore } from '../../streams/webhook-store.ts'
import { sitesToTell } from '../list-representations.ts'
import { Delivery } from './delivery.ts'

export interface WebhooksParts {
  readonly settings: () => Settings
  readonly connections: Pick<Connections, 'work'>
  readonly log: Log
}

/** What is looked at: a representation at a site. */
interface Subject {
  readonly project: string
  readonly representationId: unknown
  readonly site: string
  /** What the last failure said, and of which file; undefined: none failed. */
  failure?: { readonly path: string; readonly error: string }
}

interface Message {
  readonly event: WebhookEvent
  readonly project?: string
  readonly representation?: string
  readonly site: string
  readonly error?: string
  readonly path?: string
}

/** Results of one representation that come within so many milliseconds are looked at together. */
const GATHER_MS = 200
/** After MongoDB did not answer. */
const RETRY_MS = 2_000
const MOST_WAITING = 10_000

/** Tells addresses of what this instance did; whoever writes the last result of a representation sees that it is whole. */
export class Webhooks {
  readonly #parts: WebhooksParts
  readonly #store: WebhookStore
  readonly #delivery: Delivery
  readonly #ended = new AbortController()
  readonly #subjects = new Map<string, Subject>()
  readonly #down = new Set<string>()
  #looking: Promise<void> | undefined
  #turns: Promise<unknown> = Promise.resolve()
  readonly #running: Promise<void>

  constructor(parts: WebhooksParts) {
    this.#parts = parts
    const { stateDatabase, database } = parts.settings().mongo
    this.#store = webhookStore(parts.connections.work.db(stateDatabase), database)
    this.#delivery = new Delivery({
      ...parts,
      store: this.#store,
      webhooks: () => parts.settings().webhooks ?? [],
      signal: this.#ended.signal,
    })
    this.#running = this.#run()
  }

  /** Never waits. */
  settled({ attempt: { transfer }, outcome }: Settled): void {
    if (outcome.kind !== 'synced' && outcome.kind !== 'failed') return
    const { project, representationId, site, alternatives = [], path } = transfer
    const failure = outcome.kind === 'failed' ? { failure: { path, error: outcome.error.message } } : {}
    for (const each of [site, ...alternatives]) {
      if (outcome.kind === 'synced' && this.#down.has(each)) this.health(each, undefined)
      const key = JSON.stringify([project, idText(representationId), each])
      if (this.#subjects.size < MOST_WAITING || this.#subjects.has(key)) {
        this.#subjects.set(key, { ...this.#subjects.get(key), project, representationId, site: each, ...failure })
      }
    }
    this.#look()
  }

  /** A site is left alone for an error, or well again. */
  health(site: string, error: SyncError | undefined): void {
    if (error) this.#down.add(site)
    else this.#down.delete(site)
    const turn = async (): Promise<void> => {
      if (!(await this.#store.turned(site, error !== undefined))) return
      const key = [site, new Date().toISOString()]
      await this.#tell({ event: error ? 'site-down' : 'site-up', site, ...(error && { error: redact(error.message) }) }, key)
    }
    // One after the other, as they happened.
    this.#turns = this.#turns.then(turn).catch(() => undefined)
  }

  /** What was noticed is kept; what is kept is sent by whoever is there. */
  async stop(): Promise<void> {
    await this.#looking
    await this.#turns
    this.#ended.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended
    for (let isPrepared = false; !isPrepared && !signal.aborted;) {
      isPrepared = await this.#prepare().then(
        () => true,
        () => false,
      )
      if (!isPrepared) await sleep(RETRY_MS, signal)
    }
    await this.#delivery.run()
  }

  async #prepare(): Promise<void> {
    await this.#store.prepare()
    for (const site of await this.#store.sitesDown()) this.#down.add(site)
  }

  #look(): void {
    this.#looking ??= this.#lookAll().finally(() => (this.#looking = undefined))
  }

  async #lookAll(): Promise<void> {
    await sleep(GATHER_MS, this.#ended.signal)
    while (this.#subjects.size > 0) {
      const [[key, subject]] = this.#subjects as unknown as [[string, Subject]]
      this.#subjects.delete(key)
      try {
        await this.#lookAt(subject)
      } catch {
        if (this.#ended.signal.aborted) return
        this.#subjects.set(key, { ...subject, ...this.#subjects.get(key) })
        await sleep(RETRY_MS, this.#ended.signal)
      }
    }
  }

  async #lookAt({ project, representationId, site, failure }: Subject): Promise<void> {
    const { settings, connections } = this.#parts
    const own = projectSettings(settings(), project)
    const reader = representationReader(connections.work.db(settings().mongo.database), () => sitesToTell(own))
    const [document] = await reader.read(project, [representationId])
    if (!document) return
    const arrival = arrivalAt(document, site, own.retryCount)
    const subject = { project, representation: idPlain(representationId), site }
    const key = [project, idText(representationId), site]
    if (failure) await this.#tell({ event: 'failed', ...subject, path: failure.path, error: redact(failure.error) }, key)
    const [first] = arrival.exhausted
    if (first)
      await this.#tell(
        { event: 'exhausted', ...subject, path: first.path, ...(first.error !== undefined && { error: redact(first.error) }) },
        key,
      )
    if (!isWhole(arrival)) return
    await this.#tell({ event: 'synced', ...subject }, [...key, String(arrival.latest?.getTime())])
    // It is over: what fails after this is another matter.
    const over = (settings().webhooks ?? []).flatMap(({ url }) =>
      (['failed', 'exhausted'] as const).map((event) => ({ url, key: [event, ...key] })),
    )
    await this.#store.forget(over)
  }

  async #tell(message: Message, key: readonly string[]): Promise<void> {
    const { event, ...subject } = message
    const body = JSON.stringify({ event, time: new Date().toISOString(), ...subject })
    for (const { url, on } of this.#parts.settings().webhooks ?? []) {
      if (on.has(event)) await this.#store.add({ url, key: [event, ...key], body })
    }
    this.#delivery.kick()
  }
}

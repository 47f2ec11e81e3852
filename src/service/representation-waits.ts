import { idText, type RepresentationDocument } from '../model/document.ts'
import { projectSettings } from '../model/project-settings.ts'
import { recordState } from '../model/record-state.ts'
import { decidingRecord, filesOf } from '../model/representation-summary.ts'
import type { Settings } from '../model/settings.ts'
import { readSites } from '../model/site-record.ts'
import type { DocumentReader } from '../model/stores.ts'
import type { RecordFeed, RecordNews } from './record-feed.ts'

/** How the files of a representation are at a site, for who waits for them. */
interface Arrival {
  readonly files: number
  readonly synced: number
  /** Those that nobody tries again. */
  readonly exhausted: readonly { readonly path: string; readonly tries?: number; readonly error?: string }[]
}

export type WaitEnd =
  | ({ readonly kind: 'synced' | 'exhausted' | 'timeout' } & Arrival)
  /** There is no such representation. */
  | { readonly kind: 'gone' }
  /** Nobody waits any more. */
  | { readonly kind: 'aborted' }

export interface Wait {
  readonly project: string
  /** As it was found. */
  readonly document: RepresentationDocument
  readonly site: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** How they are by the records; a file that nobody asked for there is not there. */
function arrivalAt(document: RepresentationDocument, site: string, retryCount: number): Arrival {
  const files = filesOf(document).map((file) => ({
    file,
    record: decidingRecord(readSites(file['sites']).records.get(site) ?? [], retryCount),
  }))
  const exhausted = files.filter(({ record }) => record && ['exhausted', 'bad-tries'].includes(recordState(record, retryCount)))
  return {
    files: files.length,
    synced: files.filter(({ record }) => record?.created === true).length,
    exhausted: exhausted.map(({ file, record }) => ({
      path: String(file['path']),
      ...(record?.tries !== undefined && { tries: record.tries }),
      ...(record?.error !== undefined && { error: record.error }),
    })),
  }
}

interface Waiting {
  readonly wait: Wait
  readonly look: (document: RepresentationDocument | undefined) => void
}

/** Documents that are read at once. */
const BATCH = 100
/** Changes of one document that come within so many milliseconds are one look. */
const GATHER_MS = 20
/** After MongoDB did not answer. */
const RETRY_MS = 1_000

/** All who wait for representations to arrive: one change stream, and a read of a document that changed, however many wait for it. */
export class RepresentationWaits {
  readonly #parts: { readonly feed: RecordFeed; readonly reader: DocumentReader; readonly settings: () => Settings }
  readonly #waiting = new Map<string, Set<Waiting>>()
  readonly #changed = new Set<string>()
  #isDue = false
  #following: ReturnType<RecordFeed['follow']> | undefined

  constructor(parts: { readonly feed: RecordFeed; readonly reader: DocumentReader; readonly settings: () => Settings }) {
    this.#parts = parts
  }

  async wait(wait: Wait): Promise<WaitEnd> {
    const { promise, resolve } = Promise.withResolvers<WaitEnd>()
    const { project, document: first } = wait
    const key = keyOf({ project, representationId: first._id })
    let latest: Arrival = { files: 0, synced: 0, exhausted: [] }
    const look = (document: RepresentationDocument | undefined): void => {
      if (!document) return resolve({ kind: 'gone' })
      latest = arrivalAt(document, wait.site, projectSettings(this.#parts.settings(), wait.project).retryCount)
      if (latest.files > 0 && latest.synced === latest.files) resolve({ kind: 'synced', ...latest })
      else if (latest.exhausted.length > 0) resolve({ kind: 'exhausted', ...latest })
    }
    const aborted = (): void => resolve({ kind: 'aborted' })
    const timer = setTimeout(() => resolve({ kind: 'timeout', ...latest }), wait.timeoutMs)
    wait.signal.addEventListener('abort', aborted, { once: true })
    if (wait.signal.aborted) aborted()
    const one = { wait, look }
    look(first)
    this.#add(key, one)
    try {
      // What happens before the stream is open is seen by this look, what happens after it is told.
      void this.#following?.opened.then(() => this.#noticed(key))
      return await promise
    } finally {
      clearTimeout(timer)
      wait.signal.removeEventListener('abort', aborted)
      this.#remove(key, one)
    }
  }

  #add(key: string, one: Waiting): void {
    this.#following ??= this.#parts.feed.follow((news) => this.#heard(news))
    const others = this.#waiting.get(key)
    if (others) others.add(one)
    else this.#waiting.set(key, new Set([one]))
  }

  #remove(key: string, one: Waiting): void {
    const others = this.#waiting.get(key)
    others?.delete(one)
    if (others?.size === 0) this.#waiting.delete(key)
    if (this.#waiting.size > 0) return
    this.#following?.end()
    this.#following = undefined
  }

  #heard(news: RecordNews): void {
    if (news.kind === 'anything') for (const key of this.#waiting.keys()) this.#noticed(key)
    else this.#noticed(keyOf(news))
  }

  #noticed(key: string): void {
    if (!this.#waiting.has(key)) return
    this.#changed.add(key)
    if (this.#isDue) return
    this.#isDue = true
    setTimeout(() => void this.#look(), GATHER_MS)
  }

  async #look(): Promise<void> {
    const keys = [...this.#changed].slice(0, BATCH)
    for (const key of keys) this.#changed.delete(key)
    const wanted = keys.flatMap((key) =>
      [...(this.#waiting.get(key) ?? [])]
        .slice(0, 1)
        .map(({ wait: { project, document } }) => ({ key, project, representationId: document._id })),
    )
    const isRead = await Promise.all(
      [...Map.groupBy(wanted, ({ project }) => project)].map(async ([project, some]) => this.#read(project, some)),
    )
    this.#isDue = this.#changed.size > 0
    if (this.#isDue) setTimeout(() => void this.#look(), isRead.every(Boolean) ? 0 : RETRY_MS)
  }

  /** False when MongoDB did not answer: they are looked at again. */
  async #read(project: string, wanted: readonly { readonly key: string; readonly representationId: unknown }[]): Promise<boolean> {
    try {
      const ids = wanted.map(({ representationId }) => representationId)
      const found = new Map((await this.#parts.reader.read(project, ids)).map((document) => [idText(document._id), document]))
      for (const { key, representationId } of wanted) {
        const document = found.get(idText(representationId))
        for (const { look } of this.#waiting.get(key) ?? []) look(document)
      }
      return true
    } catch {
      for (const { key } of wanted) this.#changed.add(key)
      return false
    }
  }
}

function keyOf({ project, representationId }: { readonly project: string; readonly representationId: unknown }): string {
  return `${project}/${idText(representationId)}`
}

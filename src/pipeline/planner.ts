import { LRUCache } from 'lru-cache'

import { atMost } from '../model/at-most.ts'
import { idPlain, idText, type RepresentationDocument } from '../model/document.ts'
import { mergeOccasions, type Occasion } from '../model/eligibility.ts'
import type { Log } from '../model/log.ts'
import type { Looked } from '../model/look.ts'
import type { Outcome } from '../model/outcome.ts'
import { pendingTransfers, type Plan } from '../model/pending-transfers.ts'
import type { ProjectSettings } from '../model/settings.ts'
import type { Site } from '../model/site.ts'
import type { DocumentReader } from '../model/stores.ts'
import { placeKey, rootKey, type Transfer } from '../model/transfer.ts'
import type { Verdict } from '../model/verdict.ts'
import { eventLoopYielder } from './yield-to-event-loop.ts'
import type { Attempt } from './attempt.ts'
import type { Found } from './contracts.ts'

/** "Look at this representation." */
export interface Hint {
  readonly project: string
  readonly representationId: unknown
  readonly occasion: Occasion
  /** Not because of a change, but because what ran during one has ended: others that run need not be looked at again for it. */
  readonly again?: boolean
  /** The document is new. */
  readonly appeared?: boolean
  /** Reads it as it was when it changed: good for as long as nobody had to wait. Undefined: it can't be read. */
  readonly document?: () => RepresentationDocument | undefined
}

/** A document that is not there any more; without an id, all of a project. */
export interface Gone {
  readonly project: string
  readonly representationId?: unknown
  /** They are there under another name of the project. */
  readonly isRenamed?: boolean
}

export interface PlannerParts {
  readonly reader: DocumentReader
  /** What is under way, by the key of the transfer. */
  readonly running: ReadonlyMap<string, Attempt>
  /** Of a representation no more than the transfers with these keys are pending. */
  readonly forget: (representationKey: string, pending: ReadonlySet<string>) => void
  readonly looked?: Looked | undefined
  readonly log: Log
  readonly settingsOf: (project: string) => ProjectSettings
  /** Reads what has to be known before work of a project is found, or begins: what its settings depend on, and which pauses hold. */
  readonly prepare?: ((project: string) => Promise<void>) | undefined
  /** A new document; nothing waits for it. */
  readonly appeared?: ((project: string, document: RepresentationDocument) => Promise<void>) | undefined
  /** The document as it is to count. @defaultValue as it is */
  readonly asIf?: (project: string, document: RepresentationDocument) => RepresentationDocument
  readonly misconfigured: ReadonlyMap<string, unknown>
  /** From the key of a root to that of another one which is the same place. */
  readonly samePlaces: ReadonlyMap<string, string>
  /** May the storage of a site take upper and lower case for the same? Such names are written one after the other. */
  readonly foldsCase: (site: Site) => boolean
  /** Documents could not be read: a scan has to find them. */
  readonly unread: (error: unknown) => void
}

export const keyOfHint = ({ project, representationId }: Pick<Hint, 'project' | 'representationId'>): string =>
  `${project}/${idText(representationId)}`

/** What of a hint waits with many others: a document would be old by then, and is read together with theirs. */
const withoutDocument = ({ document: _old, ...hint }: Hint): Hint => hint

export const mergeHints = (former: Hint, latter: Hint): Hint => ({
  ...withoutDocument(latter),
  occasion: mergeOccasions(former.occasion, latter.occasion),
  again: former.again === true && latter.again === true,
  ...((former.appeared === true || latter.appeared === true) && { appeared: true }),
})

/** How hints are put together while earlier ones are worked on. */
export const HINTS = { keyOf: keyOfHint, merge: mergeHints, lighten: withoutDocument, batch: 100, most: 5_000 }

/** Turns documents into work. What it reads decides; how it came to read it does not. */
export class Planner {
  readonly #parts: PlannerParts
  /** One warning a document and run. */
  readonly #warned = new LRUCache<string, true>(atMost(50_000))

  constructor(parts: PlannerParts) {
    this.#parts = parts
  }

  /** Reads the documents of hints. Never rejects. */
  async look(hints: readonly Hint[]): Promise<readonly Found[]> {
    const byProject = Map.groupBy(hints, ({ project }) => project)
    const found = await Promise.all([...byProject].map(async ([project, some]) => this.#lookIn(project, some)))
    return found.flat()
  }

  /** What one document needs. */
  found(project: string, document: RepresentationDocument, occasion: Occasion): Found {
    const plan = this.#plan(project, document)
    return { representationKey: `${project}/${idText(document._id)}`, transfers: plan.transfers, occasion, changed: false }
  }

  /** A transfer as its document says it now; undefined when it is not pending any more. */
  async reread({ project, representationId, fileId, key }: Transfer): Promise<Transfer | undefined> {
    await this.#parts.prepare?.(project)
    const document = await this.#parts.reader.readFile(project, { representationId, fileId })
    return document && this.#plan(project, document).transfers.find((transfer) => transfer.key === key)
  }

  /** What runs for it ends within a chunk. */
  gone({ project, representationId, isRenamed = false }: Gone): void {
    const key = representationId === undefined ? undefined : keyOfHint({ project, representationId })
    for (const attempt of this.#parts.running.values()) {
      const { transfer } = attempt
      if (transfer.project !== project || (key !== undefined && transfer.representationKey !== key)) continue
      // Under its new name, it goes on from where it was.
      if (isRenamed) attempt.end({ kind: 'released', reason: 'the project was renamed' })
      else attempt.end({ kind: 'dropped', reason: 'the document is gone' })
    }
    if (key !== undefined) this.#parts.forget(key, new Set())
  }

  async #lookIn(project: string, hints: readonly Hint[]): Promise<readonly Found[]> {
    const { reader, settingsOf, unread } = this.#parts
    if (!settingsOf(project).enabled) return []
    const yieldToEventLoop = eventLoopYielder()
    try {
      await this.#parts.prepare?.(project)
      const read =
        this.#told(hints) ??
        (await reader.read(
          project,
          hints.map(({ representationId }) => representationId),
        ))
      const documents = new Map(read.map((document) => [idText(document._id), document]))
      const found: Found[] = []
      for (const hint of hints) {
        await yieldToEventLoop()
        found.push(this.#look(hint, documents.get(idText(hint.representationId))))
      }
      await yieldToEventLoop()
      return found
    } catch (error) {
      unread(error)
      return []
    }
  }

  /**
   * The documents that came with the hints, when all did. They say what is wanted, and may be older than the documents are: the claim
   * reads again before anything is done. What runs already was planned by a later one, perhaps, and must not be stopped by them.
   */
  #told(hints: readonly Hint[]): readonly RepresentationDocument[] | undefined {
    if (!hints.every(({ document }) => document)) return undefined
    const keys = new Set(hints.map(keyOfHint))
    if (this.#parts.running.values().some(({ transfer }) => keys.has(transfer.representationKey))) return undefined
    const documents = hints.flatMap(({ document }) => document?.() ?? [])
    return documents.length === hints.length ? documents : undefined
  }

  #look(hint: Hint, document: RepresentationDocument | undefined): Found {
    const representationKey = keyOfHint(hint)
    if (document && hint.appeared === true) void this.#parts.appeared?.(hint.project, document)
    const plan: Plan = document ? this.#plan(hint.project, document) : { transfers: [], verdicts: [], unreadable: [] }
    const pending = new Set(plan.transfers.map(({ key }) => key))
    this.#parts.looked?.({ ...hint, lead: hint.again === true ? 'again' : 'change', transfers: plan.transfers })
    this.#stopWhatIsOff(representationKey, plan, pending)
    this.#parts.forget(representationKey, pending)
    return { representationKey, transfers: plan.transfers, occasion: hint.occasion, changed: hint.again !== true }
  }

  #plan(project: string, document: RepresentationDocument): Plan {
    const { settingsOf, misconfigured, log, asIf } = this.#parts
    const plan = pendingTransfers(asIf?.(project, document) ?? document, project, settingsOf(project), misconfigured)
    const [first] = plan.unreadable
    if (first !== undefined && !this.#warned.has(`${project}/${idText(document._id)}`)) {
      this.#warned.set(`${project}/${idText(document._id)}`, true)
      const message = `not understood, left as it is: ${plan.unreadable.slice(0, 5).join('; ')}${plan.unreadable.length > 5 ? '; …' : ''}`
      log.event('record.unreadable', {
        project,
        representationId: idPlain(document._id),
        message,
        extra: { parts: plan.unreadable.length },
      })
    }
    return { ...plan, transfers: plan.transfers.map((transfer) => this.#placed(transfer)) }
  }

  /** Whatever its site calls it, and however its name is spelled, a place has one key. */
  #placed(transfer: Transfer): Transfer {
    const { route } = transfer
    if ('error' in route) return transfer
    const { samePlaces, foldsCase } = this.#parts
    const own = rootKey(transfer.site, route.target.root)
    const first = samePlaces.get(own)
    // One lease for all names of a storage, though only some of their providers may fold.
    const folds = transfer.alternatives !== undefined || foldsCase(route.targetSite)
    return first === undefined && !folds ? transfer : { ...transfer, targetKey: placeKey(first ?? own, route.target.path, folds) }
  }

  /** Running transfers that nobody asks for any more, or that were paused, end within a chunk. */
  #stopWhatIsOff(representationKey: string, plan: Plan, pending: ReadonlySet<string>): void {
    for (const attempt of this.#parts.running.values()) {
      const { transfer } = attempt
      if (transfer.representationKey !== representationKey) continue
      if (!pending.has(transfer.key)) attempt.end(outcomeFor(transfer, plan.verdicts))
    }
  }
}

function outcomeFor(transfer: Transfer, verdicts: readonly Verdict[]): Outcome {
  const verdict = verdicts.find(
    ({ fileId, path, site }) => site === transfer.site && path === transfer.path && idText(fileId) === idText(transfer.fileId),
  )
  if (verdict?.state === 'paused') return { kind: 'released', reason: 'paused' }
  if (verdict?.state === 'synced') return { kind: 'dropped', reason: 'somebody else marked it meanwhile' }
  return { kind: 'dropped', reason: 'the skeleton is gone' }
}

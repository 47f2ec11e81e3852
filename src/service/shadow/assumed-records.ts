import { LRUCache } from 'lru-cache'

import { missingSkeletons, withSkeletons } from '../../model/always-accessible.ts'
import { idText, type RepresentationDocument } from '../../model/document.ts'
import type { ProjectSettings } from '../../model/settings.ts'
import type { Hint } from '../../pipeline/planner.ts'

const MAX_ASSUMED = 20_000

/**
 * The records that the service would have added for `always_accessible_on`: a document counts as if it had them, until it has records of
 * those sites.
 */
export class AssumedRecords {
  readonly #settingsOf: (project: string) => ProjectSettings
  readonly #assumed = new LRUCache<string, Hint>({ max: MAX_ASSUMED })

  constructor(settingsOf: (project: string) => ProjectSettings) {
    this.#settingsOf = settingsOf
  }

  add(project: string, { _id: representationId }: RepresentationDocument): void {
    this.#assumed.set(keyOf(project, representationId), { project, representationId, occasion: {} })
  }

  forget(project: string, representationId: unknown): void {
    this.#assumed.delete(keyOf(project, representationId))
  }

  /** "Look at them": scans do not find what only counts as pending. */
  get hints(): readonly Hint[] {
    return [...this.#assumed.values()]
  }

  asIf(project: string, document: RepresentationDocument): RepresentationDocument {
    if (!this.#assumed.has(keyOf(project, document._id))) return document
    const missing = missingSkeletons(document, this.#settingsOf(project))
    if (missing.length === 0) this.forget(project, document._id)
    return withSkeletons(document, missing)
  }
}

const keyOf = (project: string, id: unknown): string => `${project}/${idText(id)}`

import { LRUCache } from 'lru-cache'

import { isDue } from '../../model/eligibility.ts'
import { idPlain, idText, type RepresentationDocument } from '../../model/document.ts'
import type { Log } from '../../model/log.ts'
import type { Pauses } from '../../model/pauses.ts'
import type { EditedFiles } from '../../model/record-edit.ts'
import type { Transfer } from '../../model/transfer.ts'
import type { Found } from '../../pipeline/contracts.ts'

/** Representations whose transfers were told; the one longest ago is told again. */
const MAX_TOLD = 50_000

/** What a success takes out of a record. */
const UNSET_BY_SUCCESS = ['error', 'tries', 'last_failed_dt', 'progress'] as const

const stateOf = ({ key, tries, lastFailed }: Transfer): string => `${key}\0${tries}\0${lastFailed?.getTime()}`
const markOf = ({ fileId, path }: Transfer, site: string): string => JSON.stringify([idText(fileId), path, site])

/**
 * Tells of transfers that would start: each once, and again when its record asks for it anew (its tries or last failure are others, or it was
 * not pending in between). What is paused is not told of before its pause is over.
 */
export class WouldWrite {
  readonly #log: Log
  readonly #pauses: () => Pauses
  readonly #told = new LRUCache<string, ReadonlySet<string>>({ max: MAX_TOLD })

  constructor(log: Log, pauses: () => Pauses) {
    this.#log = log
    this.#pauses = pauses
  }

  tell({ representationKey, transfers, occasion }: Found): void {
    const before = this.#told.get(representationKey)
    const now = new Set<string>()
    const pauses = this.#pauses()
    const isKnown = (transfer: Transfer): boolean => before?.has(stateOf(transfer)) === true
    const marked = new Set<string>()
    for (const transfer of transfers) if (isKnown(transfer)) noteTold(transfer)
    for (const transfer of transfers) {
      if (isKnown(transfer) || marked.has(markOf(transfer, transfer.site)) || !isDue(transfer, occasion) || pauses.heldBy(transfer))
        continue
      noteTold(transfer)
      this.#tell(pauses.withoutPaused(transfer))
    }
    if (now.size > 0) this.#told.set(representationKey, now)
    else this.#told.delete(representationKey)

    function noteTold(transfer: Transfer): void {
      now.add(stateOf(transfer))
      // What arrives under one name of a storage is not sent under the others.
      if (!('error' in transfer.route)) for (const site of transfer.alsoMarked ?? []) marked.add(markOf(transfer, site))
    }
  }

  /** Records that would be added. */
  add(project: string, { _id }: RepresentationDocument, missing: readonly EditedFiles[]): void {
    for (const [site, edited] of Map.groupBy(missing, (each) => each.site)) {
      const files = edited.reduce((sum, { fileIds }) => sum + fileIds.length, 0)
      this.#log.event('shadow.record', { project, representationId: idPlain(_id), site, extra: { files } })
    }
  }

  /** A document is gone. */
  forget(representationKey: string): void {
    this.#told.delete(representationKey)
  }

  #tell({ project, representationId, fileId, path, site, size, tries, route, alsoMarked }: Transfer): void {
    const about = {
      project,
      representationId: idPlain(representationId),
      fileId: idPlain(fileId),
      path,
      site,
      ...(size !== undefined && { bytes: size }),
      tries,
    }
    if ('error' in route) {
      const extra = { would_set: ['error', 'tries', 'last_failed_dt'], would_unset: ['progress'] }
      this.#log.event('shadow.failure', { ...about, error: route.error, extra, message: `would fail: ${route.error.message}` })
      return
    }
    const [source, target] = [route.source, route.target].map(({ root, path: below }) => `${root.replace(/\/+$/, '')}/${below}`)
    this.#log.event('shadow.transfer', {
      ...about,
      provider: route.targetSite.provider,
      extra: {
        source,
        target,
        would_set: ['created_dt', 'id'],
        would_unset: UNSET_BY_SUCCESS,
        ...(alsoMarked && { would_mark: alsoMarked }),
      },
    })
  }
}

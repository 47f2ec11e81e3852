import { LRUCache } from 'lru-cache'

import { isDue } from '../../model/eligibility.ts'
import { idPlain } from '../../model/document.ts'
import type { Log } from '../../model/log.ts'
import type { Transfer } from '../../model/transfer.ts'
import type { Found } from '../../pipeline/contracts.ts'

/** Representations whose transfers were told; the one longest ago is told again. */
const MAX_TOLD = 50_000

/** What a success takes out of a record. */
const UNSET_BY_SUCCESS = ['error', 'tries', 'last_failed_dt', 'progress'] as const

/**
 * Tells of transfers that would start: each once, and again when its record asks for it anew (its tries or last failure are others, or it was
 * not pending in between).
 */
export class WouldWrite {
  readonly #log: Log
  readonly #told = new LRUCache<string, ReadonlySet<string>>({ max: MAX_TOLD })

  constructor(log: Log) {
    this.#log = log
  }

  tell({ representationKey, transfers, occasion }: Found): void {
    const before = this.#told.get(representationKey)
    const now = new Set<string>()
    for (const transfer of transfers) {
      const state = `${transfer.key}\0${transfer.tries}\0${transfer.lastFailed?.getTime()}`
      const isKnown = before?.has(state) === true
      if (!isKnown && !isDue(transfer, occasion)) continue
      now.add(state)
      if (!isKnown) this.#tell(transfer)
    }
    if (now.size > 0) this.#told.set(representationKey, now)
    else this.#told.delete(representationKey)
  }

  /** A document is gone. */
  forget(representationKey: string): void {
    this.#told.delete(representationKey)
  }

  #tell({ project, representationId, fileId, path, site, size, tries, route }: Transfer): void {
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
      extra: { source, target, would_set: ['created_dt', 'id'], would_unset: UNSET_BY_SUCCESS },
    })
  }
}

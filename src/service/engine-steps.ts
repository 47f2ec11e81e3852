import { LRUCache } from 'lru-cache'

import { atMost } from '../model/at-most.ts'
import type { EngineParts } from './engine-parts.ts'
import { projectSettings, siteNamed } from '../model/project-settings.ts'
import type { RootHealth } from '../pipeline/root-health.ts'
import type { ScanParts, ScanRequest } from '../pipeline/scan-plan.ts'
import type { SettleParts } from '../pipeline/settle.ts'
import { showProgress } from '../pipeline/show-progress.ts'
import type { SiteEvidence } from '../pipeline/site-evidence.ts'
import type { SiteWorkParts } from '../pipeline/site-work.ts'
import { OwnSlots, SharedSlots } from '../pipeline/slots.ts'
import { SourceSizes } from '../pipeline/source-size.ts'
import type { Workload } from '../pipeline/workload.ts'
import { openByteSource } from '../providers/byte-source.ts'
import { concurrencyOf } from '../providers/registry.ts'

/** Leases and shared slots are renewed after a third of their time. Milliseconds for each second. */
export const RENEW_MS = 1_000 / 3
/** Transfers that wait for one site at most; a scan finds the rest. */
const MAX_QUEUED = 1_000
/** Transfers that are remembered because they had no permit. */
const MAX_REFUSED = 10_000
/** How often progress may be written into a record, where that is asked for. */
const PROGRESS_MS = 5_000

interface SiteHooks {
  readonly probe: SiteWorkParts['probe']
  readonly recovered: () => void
}

/** What the work of one site needs; the log tells when the site is left alone, and when it is usable again. */
export function siteWorkParts(parts: EngineParts, name: string, { probe, recovered }: SiteHooks): Omit<SiteWorkParts, 'opened'> {
  const { settings, slots, clock, log, healthChanged } = parts
  const site = siteNamed(settings, name)
  const limit = concurrencyOf(site)
  const shared = { site: name, limit, store: slots, clock, renewEveryMs: settings.leaseSeconds * RENEW_MS }
  return {
    name,
    clock,
    maxQueued: MAX_QUEUED,
    probe,
    events: {
      cooling(_site, error, ms) {
        const message = `left alone for ${Math.ceil(ms / 1_000)} s: ${error.message}`
        log.event('site.cooling', { site: name, error, message, extra: { for_ms: Math.round(ms) } })
        healthChanged(name, error)
      },
      recovered(_site, forMs) {
        log.event('site.recovered', { site: name, durationMs: forMs })
        healthChanged(name, undefined)
        recovered()
      },
    },
    makeSlots: (freed) => (site?.concurrencyScope === 'cluster' ? new SharedSlots({ ...shared, freed }) : new OwnSlots(limit, freed)),
  }
}

interface EngineState {
  readonly work: Workload
  readonly evidence: SiteEvidence
  readonly roots: RootHealth
}

/** What the work on one attempt needs. */
export function settlePartsOf(parts: EngineParts, { work, evidence, roots }: EngineState): SettleParts {
  const { settings, records, clock, log, providers, retry } = parts
  const progress = { records, clock, everyMs: PROGRESS_MS }
  return {
    transfer: {
      providers,
      openSource: openByteSource,
      log,
      retry,
      judge: evidence.judge.bind(evidence),
      roots,
      sizes: new SourceSizes(clock, log),
    },
    writeBack: {
      records,
      clock,
      log,
      retryCountOf: (project) => projectSettings(settings, project).retryCount,
      isBacklogged: (site) => work.isBacklogged(site),
    },
    work,
    tracing: parts.tracing,
    refused: new LRUCache<string, true>(atMost(MAX_REFUSED)),
    showProgress: settings.writeProgress ? (attempt) => showProgress(progress, attempt) : () => () => undefined,
  }
}

/** Why a scan is made where changes may have been missed. */
const AFTER_A_GAP: ReadonlySet<ScanRequest['reason']> = new Set(['stream', 'overflow'])

/**
 * Scans find what is pending. What runs is looked at beside them where no change stream tells that it is not wanted any more, or may have
 * failed to; not otherwise, since a document may have tens of thousands of files.
 */
export function pagesBeside({ pages, isTold }: Pick<EngineParts, 'pages' | 'isTold'>, lookAtRunning: () => void): ScanParts['pages'] {
  return (request, signal) => {
    if (AFTER_A_GAP.has(request.reason) || (request.regular && isTold?.() !== true)) lookAtRunning()
    return pages(request, signal)
  }
}

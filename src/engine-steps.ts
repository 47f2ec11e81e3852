import { defer, filter } from 'rxjs'

import type { EngineParts } from './engine-parts.ts'
import { projectSettings } from './model/project-settings.ts'
import type { Held, Steps } from './pipeline/contracts.ts'
import { keepLease } from './pipeline/keep-lease.ts'
import { showProgress } from './pipeline/show-progress.ts'
import type { RootHealth } from './pipeline/root-health.ts'
import type { SiteEvidence } from './pipeline/site-evidence.ts'
import { SourceSizes } from './pipeline/source-size.ts'
import { transferFields } from './pipeline/transfer-fields.ts'
import type { RunningTransfer, TransferQueue } from './pipeline/transfer-queue.ts'
import { transfer } from './pipeline/transfer.ts'
import { verify } from './pipeline/verify.ts'
import { writeBack } from './pipeline/write-back.ts'
import { openByteSource } from './providers/byte-source.ts'

/** Leases are renewed after a third of their time. Milliseconds for each second. */
export const RENEW_MS = 1_000 / 3
/** How often progress may be written into a record, where that is asked for. */
const PROGRESS_MS = 5_000

interface EngineState {
  readonly queue: TransferQueue
  /** What is under way; grows with each transfer that starts. */
  readonly held: Set<Held>
  readonly evidence: SiteEvidence
  readonly roots: RootHealth
  readonly claim: (running: RunningTransfer) => Promise<Held | undefined>
}

/** The steps of the work on one transfer, with everything they need. */
export function engineSteps(parts: EngineParts, { queue, held: underWay, evidence, roots, claim }: EngineState): Steps {
  const { settings, claims, clock, log, providers, records, retry } = parts
  const transferParts = {
    providers,
    openSource: openByteSource,
    claims,
    log,
    retry,
    judge: evidence.judge.bind(evidence),
    roots,
    sizes: new SourceSizes(clock, log),
  }
  const writeParts = {
    records,
    claims,
    clock,
    log,
    retryCountOf: (project: string) => projectSettings(settings, project).retryCount,
    isBacklogged: (site: string) => queue.queuedAt(site) > 0,
  }
  const lease = { claims, clock, everyMs: settings.leaseSeconds * RENEW_MS }
  const progress = { records, everyMs: PROGRESS_MS }
  return {
    claim: (running) => defer(async () => claim(running)).pipe(filter((held) => held !== undefined)),
    transfer: (held) =>
      defer(async () => {
        underWay.add(held)
        log.event('transfer.started', { ...transferFields(held), tries: held.transfer.tries })
        return transfer(transferParts, held)
      }),
    verify: (held, written) => defer(async () => verify(held, written)),
    writeBack: (held, outcome) => defer(async () => writeBack(writeParts, held, outcome)),
    keepLease: (held, work) => keepLease(lease, held, settings.writeProgress ? showProgress(progress, held, work) : work),
  }
}

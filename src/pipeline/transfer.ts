import { SyncError, toSyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Site } from '../model/site.ts'
import type { Endpoints, Source } from '../model/transfer.ts'
import type { TransientRetry } from '../model/retry-policy.ts'
import type { ByteSource, Provider, RemoteFile } from '../providers/provider.ts'
import type { Attempt } from './attempt.ts'
import { sourceFaults, type SourceFaults } from './source-faults.ts'
import type { OpenSource, ProviderPool, Written } from './contracts.ts'
import { retryTransient } from './retry-transient.ts'
import { isSuspicion, type Suspicion } from './site-evidence.ts'
import type { SourceSizes } from './source-size.ts'
import type { RootHealth } from './root-health.ts'
import { storedChecksum } from './stored-checksum.ts'
import { transferFields } from './transfer-fields.ts'

export interface TransferParts {
  readonly providers: Pick<ProviderPool, 'get'>
  readonly openSource: OpenSource
  readonly log: Log
  readonly retry: TransientRetry
  readonly sizes: Pick<SourceSizes, 'check'>
  /** Whose fault is it? See `SiteEvidence.judge`. */
  judge(suspicion: Suspicion): Promise<SyncError | undefined>
  readonly roots: Pick<RootHealth, 'isDown' | 'sift'>
}

/** Brings the bytes to the target, unless they are there. Never rejects: a fault is an outcome. */
export async function transfer(parts: TransferParts, attempt: Attempt): Promise<Written | Outcome> {
  const { route } = attempt.transfer
  if ('error' in route) return { kind: 'failed', error: route.error }
  const missing: SyncError[] = []
  for (let endpoints: Endpoints | undefined = route; ;) {
    const outcome = await fromOne(parts, attempt, endpoints)
    if (outcome.kind !== 'failed' || outcome.error.code !== 'SOURCE_MISSING') return outcome
    missing.push(outcome.error)
    const { otherSources: left = [] } = endpoints
    if (left.length === 0) return { kind: 'failed', error: missing.length > 1 ? nowhere(missing) : outcome.error }
    // Nobody hears of an attempt that was not ours to make.
    await attempt.permit.granted.catch(() => undefined)
    if (attempt.signal.aborted) return attempt.signal.reason as Outcome
    tellMissing(parts, attempt, endpoints, outcome.error)
    endpoints = nextSource(attempt, endpoints, left)
    if (!endpoints)
      return { kind: 'postponed', reason: `${outcome.error.message}; the other sites that have it can't be read now`, inMs: LATER_MS }
  }
}

/** How long the rest of its sources, which are in trouble, are left alone. */
const LATER_MS = 30_000

/** A record said that the file is there. It stays as it is: to correct it is not the matter of a transfer. */
function tellMissing({ log }: TransferParts, attempt: Attempt, { isSaid, sourceSite }: Endpoints, error: SyncError): void {
  if (isSaid === false) return
  const { name, provider } = sourceSite
  const message = `its record says that the file is there, and it is not; another site serves: ${error.message}`
  log.event('source.missing', {
    ...transferFields(attempt),
    site: name,
    provider,
    error,
    message,
    extra: { target: attempt.transfer.site },
  })
}

/** The first that can be used now; what the attempt takes of it is taken. */
function nextSource(attempt: Attempt, { target, targetSite }: Endpoints, left: readonly Source[]): Endpoints | undefined {
  for (const [at, source] of left.entries()) {
    const next = { ...source, target, targetSite, otherSources: left.slice(at + 1) }
    if (attempt.comeFrom(next)) return next
  }
  return undefined
}

function nowhere(missing: readonly SyncError[]): SyncError {
  return new SyncError('SOURCE_MISSING', `no site has it: ${missing.map(({ message }) => message).join('; ')}`)
}

async function fromOne(parts: TransferParts, attempt: Attempt, route: Endpoints): Promise<Written | Outcome> {
  const faults = new Faults(parts, attempt, route)
  for (let round = 1; ; round++) {
    try {
      return await bring(parts, attempt, route, faults)
    } catch (thrown) {
      const outcome = await faults.outcome(thrown)
      const mayHavePassed = outcome.kind === 'failed' && outcome.error.kind === 'transient' && outcome.error.retries === Infinity
      if (!mayHavePassed || round === MAX_ROUNDS) return outcome
    }
  }
}

/** A fault that passes by itself, at a site whose root works: the attempt is made again at once before the file is blamed. */
const MAX_ROUNDS = 3

async function bring(parts: TransferParts, attempt: Attempt, endpoints: Endpoints, faults: Faults): Promise<Written | Outcome> {
  const { signal } = attempt
  const from = await faults.ofSource(parts.providers.get(endpoints.sourceSite))
  const target = await parts.providers.get(endpoints.targetSite)
  return retry(parts, attempt, async () => {
    // Both ends are looked at at the same time.
    const there = target.stat(endpoints.target, { signal, exact: true })
    there.catch(() => undefined)
    const { source: at, id } = endpoints
    const options = { signal, checksumAlgorithm: target.checksumAlgorithm, ...(id !== undefined && { id }) }
    const opened = await faults.ofSource(parts.openSource(from, at, options))
    const source = faults.watch(opened)
    const notReady = parts.sizes.check(attempt, endpoints, source)
    if (notReady) return notReady
    attempt.progress = { bytes: 0, size: source.size }
    const rewrite = async (): Promise<RemoteFile> => write(attempt, target, endpoints, source)
    const patiently = async <T>(work: () => Promise<T>): Promise<T> => retry(parts, attempt, work)
    const outcomeOf = async (thrown: unknown): Promise<Outcome> => faults.outcome(thrown)
    const common = { kind: 'written', endpoints, target, source, rewrite, patiently, outcomeOf } as const
    const same = await sameFile(target, endpoints, source, await there, signal)
    if (same) return { ...common, file: same, sent: 0 }
    return { ...common, file: await rewrite(), sent: source.size }
  })
}

async function retry<T>({ log, retry: policy }: TransferParts, attempt: Attempt, work: () => Promise<T>): Promise<T> {
  return retryTransient(work, {
    policy,
    signal: attempt.signal,
    progress: () => attempt.progress.bytes,
    onRetry(error, delayMs) {
      // One that has not started yet is nobody's news.
      if (attempt.stage === 'asking') return
      log.event('transfer.retried', { ...transferFields(attempt), error, extra: { retry_in_ms: Math.round(delayMs) } })
    },
  })
}

/** A file that is there already with the same content is not sent again. */
async function sameFile(
  target: Provider,
  { target: path }: Endpoints,
  source: ByteSource,
  there: RemoteFile | undefined,
  signal: AbortSignal,
): Promise<RemoteFile | undefined> {
  if (there?.size !== source.size) return undefined
  const value = await storedChecksum(target, path, there, signal)
  if (value !== (await source.checksum(target.checksumAlgorithm, signal))) return undefined
  await source.assertUnchanged()
  return { ...there, checksum: { algorithm: target.checksumAlgorithm, value } }
}

async function write(attempt: Attempt, target: Provider, { target: path }: Endpoints, source: ByteSource): Promise<RemoteFile> {
  let isFirst = true
  return target.write(path, source, {
    permit: attempt.permit,
    signal: attempt.signal,
    onProgress(bytes) {
      if (isFirst) attempt.resumedFrom = bytes < source.size ? bytes : 0
      isFirst = false
      attempt.progress = { bytes, size: source.size }
    },
  })
}

/** Turns what was thrown into an outcome: whose fault is it, and what does it cost? */
class Faults {
  readonly #parts: TransferParts
  readonly #attempt: Attempt
  readonly #endpoints: Endpoints
  readonly #ofSource: SyncError[] = []
  #blame: SourceFaults | undefined

  constructor(parts: TransferParts, attempt: Attempt, endpoints: Endpoints) {
    this.#parts = parts
    this.#attempt = attempt
    this.#endpoints = endpoints
  }

  async ofSource<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (thrown) {
      const error = toSyncError(thrown)
      this.#ofSource.push(error)
      throw error
    }
  }

  watch(source: ByteSource): ByteSource {
    this.#blame = sourceFaults(source)
    return this.#blame.source
  }

  async outcome(thrown: unknown): Promise<Outcome> {
    const { signal } = this.#attempt
    if (signal.aborted) return signal.reason as Outcome
    const error = toSyncError(thrown)
    if (error.kind === 'stop') return { kind: 'released', reason: error.message }
    const isSource = this.#ofSource.includes(error) || this.#blame?.isSourceFault(error) === true
    try {
      const trouble = await this.#troubleOf(error, isSource)
      const site = this.#siteOf(isSource)
      const { root } = isSource ? this.#endpoints.source : this.#endpoints.target
      if (await this.#isOfRoot(trouble, site, root)) return { kind: 'site-trouble', error: trouble ?? error, site: site.name, root }
      return trouble ? { kind: 'site-trouble', error: trouble, site: site.name } : { kind: 'failed', error }
    } catch {
      return signal.reason as Outcome
    }
  }

  /** What the site is in trouble with; undefined when the file is to blame. */
  async #troubleOf(error: SyncError, isSource: boolean): Promise<SyncError | undefined> {
    const site = this.#siteOf(isSource)
    // A root that came with the document says nothing about any site.
    if (site.declared === false) return error.isPassing ? error : undefined
    if (!isSuspicion(error)) return error.kind === 'file' ? undefined : unreachable(site, error)
    const { root, path } = isSource ? this.#endpoints.source : this.#endpoints.target
    const trouble = await this.#parts.judge({
      site: site.name,
      operation: isSource ? 'read' : 'write',
      folder: `${root}/${path.slice(0, Math.max(0, path.lastIndexOf('/')))}`,
      file: `${root}/${path}`,
      error,
      startedAt: this.#attempt.startedAt,
      signal: this.#attempt.signal,
    })
    return trouble && unreachable(site, trouble)
  }

  /** Is one root missing, and the site well otherwise? */
  async #isOfRoot(trouble: SyncError | undefined, site: Site, root: string): Promise<boolean> {
    if (site.declared === false) return false
    const { roots } = this.#parts
    if (trouble?.code === 'ROOT_MISSING') await roots.sift(site)
    return (trouble === undefined || trouble.code === 'ROOT_MISSING') && roots.isDown(site.name, root)
  }

  #siteOf(isSource: boolean): Site {
    return isSource ? this.#endpoints.sourceSite : this.#endpoints.targetSite
  }
}

/** A fault that did not pass by itself, as one of the site. */
function unreachable(site: Site, error: SyncError): SyncError {
  if (error.kind === 'site') return error
  const { retryAfterMs } = error
  const message = `site ${JSON.stringify(site.name)} is unreachable: ${error.message}`
  return new SyncError('UNREACHABLE', message, { cause: error, ...(retryAfterMs !== undefined && { retryAfterMs }) })
}

import { createHash } from 'node:crypto'

import { messageOf, SyncError } from '../errors.ts'
import type { RootedPath, Site } from '../model/site.ts'
import { openByteSource } from '../providers/byte-source.ts'
import type { Checksum, Provider, RemoteFile } from '../providers/provider.ts'
import type { ProviderPool } from '../providers/provider-pool.ts'

/** Milliseconds. */
const STAT_MS = 30_000

/** The site has to answer some time. Nothing is left behind of a limit that was kept: there is one for each file. */
export async function inTime<T>(signal: AbortSignal, ask: (limited: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = (): void => controller.abort(signal.reason)
  const timer = setTimeout(() => controller.abort(new SyncError('UNREACHABLE', `no answer within ${STAT_MS / 1_000} s`)), STAT_MS)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await ask(controller.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

export interface ContentSources {
  readonly sources: readonly { readonly site: Site; readonly at: RootedPath }[]
  /** Sites that were in trouble already, and why: not asked again. */
  readonly trouble: Map<string, string>
}

/** What the content of a file should be. */
export interface ExpectedContent {
  /** Who says so. */
  readonly site: string
  readonly size: number
  /** Absent where the size differs already. */
  readonly checksum?: Checksum
}

/** Asks the sources one after the other, until one has the file; `faults`: what was with those that did not answer or do not have it. */
export async function expectedContent(
  providers: Pick<ProviderPool, 'get'>,
  { sources, trouble }: ContentSources,
  there: RemoteFile,
  signal: AbortSignal,
): Promise<{ readonly expected?: ExpectedContent; readonly faults: readonly string[]; readonly isTrouble: boolean }> {
  const faults: string[] = []
  let isTrouble = false
  for (const { site, at } of sources) {
    const known = trouble.get(site.name)
    if (known !== undefined) {
      faults.push(known)
      isTrouble = true
      continue
    }
    try {
      const opened = await openByteSource(await providers.get(site), at, { signal })
      const expected = { site: site.name, size: opened.size }
      if (opened.size !== there.size) return { expected, faults, isTrouble }
      // Whichever is known already at either end costs no reading there.
      const algorithm = there.checksum?.algorithm ?? opened.ownChecksum ?? 'sha256'
      return { expected: { ...expected, checksum: { algorithm, value: await opened.checksum(algorithm, signal) } }, faults, isTrouble }
    } catch (error) {
      const mayPass = error instanceof SyncError && error.kind === 'transient'
      if (signal.aborted || mayPass) throw error
      const fault = `${site.name}: ${messageOf(error)}`
      if (isSiteTrouble(error)) trouble.set(site.name, fault)
      if (!(error instanceof SyncError) || error.code !== 'SOURCE_MISSING') isTrouble = true
      faults.push(fault)
    }
  }
  return { faults, isTrouble }
}

/** Of the stored bytes, each once: asked from the site where it knows all of them, from one reading otherwise. */
export async function ownDigests(
  provider: Provider,
  at: RootedPath,
  { checksum }: RemoteFile,
  algorithms: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  if (checksum && algorithms.every((algorithm) => algorithm === checksum.algorithm)) return new Map([[checksum.algorithm, checksum.value]])
  const hashes = new Map([...new Set(algorithms)].map((algorithm) => [algorithm, createHash(algorithm)]))
  const own = await openByteSource(provider, at, { signal })
  for await (const chunk of await own.open(0, signal, { unhashed: true })) for (const hash of hashes.values()) hash.update(chunk as Buffer)
  await own.assertUnchanged()
  return new Map([...hashes].map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
}

/** Nothing that is about one file: to ask for the next would not help. */
export function isSiteTrouble(error: unknown): boolean {
  return error instanceof SyncError && error.kind === 'site' && (error.isCertain || error.code === 'UNREACHABLE')
}

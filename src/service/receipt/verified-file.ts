import { createHash } from 'node:crypto'

import { messageOf, SyncError } from '../../errors.ts'
import { c4Id } from '../../model/mhl/c4.ts'
import type { HashFormat, ManifestFile } from '../../model/mhl/manifest.ts'
import type { RootedPath, Site } from '../../model/site.ts'
import { openByteSource } from '../../providers/byte-source.ts'
import type { ChecksumAlgorithm, Provider, RemoteFile } from '../../providers/provider.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import type { ListedHash } from './read-history.ts'

/** A file at the site of the receipt, with everything that it can be held against. */
export interface Claimed {
  readonly site: Site
  readonly at: RootedPath
  /** Bytes, as the document says. */
  readonly size: number | undefined
  readonly isOriginal: boolean
  readonly sources: readonly { readonly site: Site; readonly at: RootedPath }[]
  /** Sites that were in trouble already, and why: not asked again. */
  readonly trouble: Map<string, string>
  /** What earlier generations say. */
  listed(path: string): readonly Omit<ListedHash, 'path'>[]
}

/** It is not verified, and why. */
class NotVerified extends SyncError {
  constructor(why: string) {
    super('VERIFY_FAILED', why)
  }
}

/** The algorithm that a format's hash comes from. */
const ALGORITHMS: Readonly<Record<HashFormat, string>> = { md5: 'md5', sha1: 'sha1', c4: 'sha512' }

/** Milliseconds. */
const STAT_MS = 30_000

/**
 * Looks at the file itself: it is there, it has the content of the source that is asked first and answers, and the content that earlier
 * generations state. The hash is the MD5 that the site keeps, or the C4 id of the bytes that were read there.
 *
 * Rejects with `NotVerified`, or with what a site is in trouble with.
 */
export async function verifiedFile(providers: Pick<ProviderPool, 'get'>, claimed: Claimed, signal: AbortSignal): Promise<ManifestFile> {
  const { site, at, size, isOriginal } = claimed
  const provider = await providers.get(site)
  const there = await inTime(signal, async (limited) => provider.stat(at, { signal: limited, exact: true }))
  if (there === undefined) throw new NotVerified('it is not there, although its record says so')
  const path = nameThere(at, there)
  const listed = claimed.listed(path)
  const earlier = listed.find((each): each is (typeof listed)[number] & { format: HashFormat } => each.format in ALGORITHMS)
  const [first] = listed
  if (first && !earlier) {
    throw new NotVerified(`generation ${first.generation} of the history has its ${first.format} hash alone, which can't be computed here`)
  }
  const format = earlier?.format ?? (there.checksum?.algorithm === 'md5' ? 'md5' : 'c4')
  const source = isOriginal ? undefined : await sourceFor(providers, claimed, there, earlier !== undefined, signal)
  if (!source && isOriginal && size !== undefined && size !== there.size)
    throw new NotVerified(`it has ${there.size} bytes there, and ${size} in its document`)
  const own = await ownDigests(provider, at, there, [ALGORITHMS[format], ...(source ? [source.algorithm] : [])], signal)
  if (source && own.get(source.algorithm) !== source.value) throw new NotVerified(`it has other content there than at ${source.name}`)
  const digest = own.get(ALGORITHMS[format]) ?? ''
  const hash = format === 'c4' ? c4Id(digest) : digest
  if (earlier && earlier.hash !== hash) {
    throw new NotVerified(
      `it has other content than generation ${earlier.generation} of the history states, which stays: begin a new history, or give it another name`,
    )
  }
  return { path, size: there.size, modified: there.modified, format, hash, action: earlier ? 'verified' : 'original', hashed: new Date() }
}

/** The site has to answer some time. Nothing is left behind of a limit that was kept: there is one for each file. */
async function inTime<T>(signal: AbortSignal, ask: (limited: AbortSignal) => Promise<T>): Promise<T> {
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

/** Disks tell how a name is spelled there, in whatever form of Unicode: so it is found by whoever reads the receipt. */
function nameThere({ path }: RootedPath, { id }: RemoteFile): string {
  return id.normalize('NFC') === path.normalize('NFC') ? id : path
}

interface Expected {
  readonly algorithm: ChecksumAlgorithm
  readonly value: string
  /** The site's. */
  readonly name: string
}

/** What the content should be, by the first source that has the file; undefined where only the history says it. */
async function sourceFor(
  providers: Pick<ProviderPool, 'get'>,
  { sources, trouble }: Claimed,
  there: RemoteFile,
  isListed: boolean,
  signal: AbortSignal,
): Promise<Expected | undefined> {
  const faults: string[] = []
  for (const { site, at } of sources) {
    const known = trouble.get(site.name)
    if (known !== undefined) {
      faults.push(known)
      continue
    }
    try {
      const opened = await openByteSource(await providers.get(site), at, { signal })
      if (opened.size !== there.size) throw new NotVerified(`it has ${there.size} bytes there, and ${opened.size} at ${site.name}`)
      // Whichever is known already at either end costs no reading there.
      const algorithm = there.checksum?.algorithm ?? opened.ownChecksum ?? 'sha256'
      return { algorithm, value: await opened.checksum(algorithm, signal), name: site.name }
    } catch (error) {
      const mayPass = error instanceof SyncError && error.kind === 'transient'
      if (signal.aborted || mayPass || error instanceof NotVerified) throw error
      const fault = `${site.name}: ${messageOf(error)}`
      if (isSiteTrouble(error)) trouble.set(site.name, fault)
      faults.push(fault)
    }
  }
  if (isListed) return undefined
  const why = faults.length > 0 ? faults.join('; ') : 'no other site has it'
  throw new NotVerified(`there is nothing to compare it with: ${why}`)
}

/** Of the stored bytes, each once: asked from the site where it knows all of them, from one reading otherwise. */
async function ownDigests(
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

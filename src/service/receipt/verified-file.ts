import { SyncError } from '../../errors.ts'
import { c4Id } from '../../model/mhl/c4.ts'
import type { HashFormat, ManifestFile } from '../../model/mhl/manifest.ts'
import type { RootedPath, Site } from '../../model/site.ts'
import type { ChecksumAlgorithm, RemoteFile } from '../../providers/provider.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { expectedContent, inTime, ownDigests } from '../site-content.ts'
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

/** Disks tell how a name is spelled there, in whatever form of Unicode: so it is found by whoever reads the receipt. */
function nameThere({ path }: RootedPath, { id }: RemoteFile): string {
  return id.normalize('NFC') === path.normalize('NFC') ? id : path
}

/** What the content should be, by the first source that has the file; undefined where only the history says it. */
async function sourceFor(
  providers: Pick<ProviderPool, 'get'>,
  { sources, trouble }: Claimed,
  there: RemoteFile,
  isListed: boolean,
  signal: AbortSignal,
): Promise<{ readonly algorithm: ChecksumAlgorithm; readonly value: string; readonly name: string } | undefined> {
  const { expected, faults } = await expectedContent(providers, { sources, trouble }, there, signal)
  if (expected?.checksum) return { ...expected.checksum, name: expected.site }
  if (expected) throw new NotVerified(`it has ${there.size} bytes there, and ${expected.size} at ${expected.site}`)
  if (isListed) return undefined
  const why = faults.length > 0 ? faults.join('; ') : 'no other site has it'
  throw new NotVerified(`there is nothing to compare it with: ${why}`)
}

import { messageOf, SyncError } from '../../errors.ts'
import type { ComparedFile } from '../../model/compared-file.ts'
import { TRANSIENT_RETRY } from '../../model/retry-policy.ts'
import { rootKey } from '../../model/transfer.ts'
import { retryTransient } from '../../pipeline/retry-transient.ts'
import type { Checksum, RemoteFile } from '../../providers/provider.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { expectedContent, inTime, isSiteTrouble, ownDigests } from '../site-content.ts'

/** What can be wrong with a file that should be at a site. */
export type Finding = 'missing' | 'changed' | 'truncated' | 'duplicated'

export type Look =
  /** There, with the content of its source. */
  | { readonly kind: 'same'; readonly id: string }
  /** There; no other site has it, so that nothing but its size can be held against anything. */
  | { readonly kind: 'alone'; readonly id: string }
  | { readonly kind: 'wrong'; readonly finding: Finding; readonly why: string }
  /** The site, or every source, did not answer: nothing is known of the file. */
  | { readonly kind: 'unknown'; readonly why: string }

export interface LookParts {
  readonly providers: Pick<ProviderPool, 'get'>
  readonly signal: AbortSignal
  /** Roots, and sites that files come from, that were in trouble already, and why: not asked again. */
  readonly trouble: Map<string, string>
}

/** Has another site the file at this moment? `unknown`: one that may have it did not answer. */
export type Elsewhere = 'there' | 'nowhere' | 'unknown'

/** A folder of that name, or a file that the storage takes for this one: the file itself is not there. */
const NOT_IT: ReadonlySet<string> = new Set(['NOT_A_FILE', 'TARGET_CONFLICT'])

/** Looks at a file where it should be, and compares it with its source. `size`: as the document says. Rejects when it is told to end. */
export async function lookAtSite(parts: LookParts, file: ComparedFile, size: unknown): Promise<Look> {
  const { signal, trouble } = parts
  const key = rootKey(file.site.name, file.place.root)
  const known = trouble.get(key)
  if (known !== undefined) return { kind: 'unknown', why: known }
  try {
    return await retryTransient(async () => look(parts, file, size), { policy: TRANSIENT_RETRY, signal, progress: () => 0 })
  } catch (error) {
    signal.throwIfAborted()
    const why = messageOf(error)
    if (error instanceof SyncError && NOT_IT.has(error.code)) return { kind: 'wrong', finding: 'missing', why }
    if (isSiteTrouble(error)) trouble.set(key, why)
    return { kind: 'unknown', why }
  }
}

/** Asks the other sites whose records say that they have the file, and the publish site where nobody said. */
export async function elsewhere({ providers, signal, trouble }: LookParts, { sources }: ComparedFile): Promise<Elsewhere> {
  let answer: Elsewhere = 'nowhere'
  for (const { source, sourceSite } of sources) {
    if (trouble.has(sourceSite.name) || trouble.has(rootKey(sourceSite.name, source.root))) {
      answer = 'unknown'
      continue
    }
    try {
      const provider = await providers.get(sourceSite)
      if (await inTime(signal, async (limited) => provider.stat(source, { signal: limited, exact: true }))) return 'there'
    } catch (error) {
      signal.throwIfAborted()
      if (isSiteTrouble(error)) trouble.set(rootKey(sourceSite.name, source.root), messageOf(error))
      // A path that the site refuses is not there either.
      if (!(error instanceof SyncError) || error.kind !== 'file') answer = 'unknown'
    }
  }
  return answer
}

async function look({ providers, signal, trouble }: LookParts, file: ComparedFile, size: unknown): Promise<Look> {
  const { site, place, isOriginal } = file
  const provider = await providers.get(site)
  const ask = async (fresh: boolean): Promise<RemoteFile | undefined> =>
    inTime(signal, async (limited) => provider.stat(place, { signal: limited, exact: true, fresh }))
  let there = await ask(false)
  // What is remembered of a folder may be older than the record, or than somebody's tidying up.
  if (there?.twins !== undefined || !there) there = await ask(true)
  if (!there) return { kind: 'wrong', finding: 'missing', why: 'it is not there' }
  const difference = isOriginal ? await originalDifference(there) : await sourceDifference()
  if (difference && difference.kind !== 'same') return difference
  if (there.twins !== undefined) {
    return { kind: 'wrong', finding: 'duplicated', why: `${there.twins + 1} files of its name are there; the oldest counts` }
  }
  return difference ?? { kind: isOriginal || file.sources.length === 0 ? 'alone' : 'same', id: there.id }

  /** What was published is what it is, whatever size was noted, where the site says that sizes do not count. Other bytes of the same size are found by any copy. */
  async function originalDifference(found: RemoteFile): Promise<Look | undefined> {
    const bySizes = site.sizeCheck === 'off' ? undefined : sizeDifference(found, size)
    return bySizes ?? (await otherCopies(found))
  }

  /** One copy that is the same is enough: others are found where they are. Which of two that differ is right, their bytes do not say. */
  async function otherCopies(found: RemoteFile): Promise<Look | undefined> {
    const others: string[] = []
    for (const { source, sourceSite } of file.sources) {
      const one = [{ site: sourceSite, at: source }]
      const { expected } = await expectedContent(providers, { sources: one, trouble }, found, signal)
      if (!expected?.checksum) continue
      if (await isSame(found, expected.checksum)) return { kind: 'same', id: found.id }
      others.push(expected.site)
    }
    return others.length === 0 ? undefined : { kind: 'wrong', finding: 'changed', why: `it has other content than at ${others.join(', ')}` }
  }

  async function isSame(found: RemoteFile, { algorithm, value }: Checksum): Promise<boolean> {
    return (await ownDigests(provider, place, found, [algorithm], signal)).get(algorithm) === value
  }

  async function sourceDifference(): Promise<Look | undefined> {
    const found = there as RemoteFile
    const sources = file.sources.map(({ source, sourceSite }) => ({ site: sourceSite, at: source }))
    const { expected, faults, isTrouble } = await expectedContent(providers, { sources, trouble }, found, signal)
    if (!expected) {
      if (isTrouble) return { kind: 'unknown', why: `there is nothing to compare it with: ${faults.join('; ')}` }
      // Every other site turned out to lack it.
      return sizeDifference(found, size) ?? (found.twins === undefined ? { kind: 'alone', id: found.id } : undefined)
    }
    const { checksum } = expected
    if (!checksum) return { kind: 'wrong', ...bySize(found.size, expected.size), why: sizes(found, `${expected.size} at ${expected.site}`) }
    if (await isSame(found, checksum)) return undefined
    return { kind: 'wrong', finding: 'changed', why: `it has other content than at ${expected.site}` }
  }
}

function sizeDifference(there: RemoteFile, size: unknown): Look | undefined {
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size === there.size) return undefined
  return { kind: 'wrong', ...bySize(there.size, size), why: sizes(there, `${size} in its document`) }
}

const bySize = (is: number, shouldBe: number): { readonly finding: Finding } => ({ finding: is < shouldBe ? 'truncated' : 'changed' })
const sizes = ({ size }: RemoteFile, other: string): string => `it has ${size} bytes there, and ${other}`

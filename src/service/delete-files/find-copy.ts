import { messageOf, SyncError } from '../../errors.ts'
import { comparedFile } from '../../model/compared-file.ts'
import { TRANSIENT_RETRY } from '../../model/retry-policy.ts'
import { readSites } from '../../model/site-record.ts'
import type { RootedPath, Site } from '../../model/site.ts'
import type { Source } from '../../model/transfer.ts'
import { retryTransient } from '../../pipeline/retry-transient.ts'
import type { RemoteFile } from '../../providers/provider.ts'
import { isSameFile } from '../../providers/same-file.ts'
import { expectedContent, inTime, ownDigests } from '../site-content.ts'
import type { DeleteParts, Item, Target } from './parts.ts'
import type { RootIdentities } from './root-identities.ts'

/** Another copy of a file, as its site tells of it. */
export interface Copy {
  readonly site: Site
  readonly at: RootedPath
  readonly file: RemoteFile
}

export interface CopyParts extends Pick<DeleteParts, 'providers' | 'misconfigured' | 'signal'> {
  readonly identities: RootIdentities
  /** Sites that were in trouble already, and why: not asked again. */
  readonly trouble: Map<string, string>
}

/**
 * Another copy of what is `there`, at a site whose record says so (or at the publish site, where nobody says otherwise): looked at, and of
 * the same content. A site that does not answer has none. In words why there is none.
 */
export async function findCopy(parts: CopyParts, target: Target, there: RemoteFile): Promise<Copy | string> {
  const faults: string[] = []
  for (const item of target.items) {
    for (const source of sourcesOf(parts, item)) {
      const { name } = source.sourceSite
      try {
        const found = await patiently(parts, async () => copyAt(parts, target, there, source))
        if (typeof found !== 'string') return found
        faults.push(`${name}: ${found}`)
      } catch (error) {
        parts.signal.throwIfAborted()
        faults.push(`${name}: ${messageOf(error)}`)
      }
    }
  }
  return faults.length === 0 ? 'no record says that another site has it' : [...new Set(faults)].join('; ')
}

/** Is a copy that was found still what it was? Rejects where its site does not say. */
export async function isStillThere(parts: CopyParts, { site, at, file }: Copy): Promise<boolean> {
  const now = await patiently(parts, async () => statAt(parts, site, at))
  return now !== undefined && isSameFile(now, file)
}

/** A file as it is at its site now; in a folder of many names another spelling is another file. */
export async function statAt({ providers, signal }: Pick<CopyParts, 'providers' | 'signal'>, site: Site, at: RootedPath) {
  const provider = await providers.get(site)
  return inTime(signal, async (limited) => provider.stat(at, { signal: limited, exact: true, fresh: true }))
}

export async function patiently<T>({ signal }: Pick<CopyParts, 'signal'>, work: () => Promise<T>): Promise<T> {
  return retryTransient(work, { policy: TRANSIENT_RETRY, signal, progress: () => 0 })
}

function sourcesOf({ misconfigured }: CopyParts, { document, own, path, entry, removal }: Item): readonly Source[] {
  const found = comparedFile({ document, settings: own, misconfigured }, path, readSites(entry['sites']), removal.site)
  return found === undefined || found instanceof SyncError ? [] : found.sources
}

async function copyAt(parts: CopyParts, target: Target, there: RemoteFile, source: Source): Promise<Copy | string> {
  const { providers, identities, trouble, signal } = parts
  const { sourceSite: site, source: at } = source
  const known = trouble.get(site.name)
  if (known !== undefined) return known
  const keys = new Set(await identities.keysOf(target.site, target.place))
  if ((await identities.keysOf(site, at)).some((key) => keys.has(key))) return 'it is the same place'
  const file = await statAt(parts, site, at)
  if (file === undefined) return 'the file is not there'
  if (file.identity !== undefined && file.identity === there.identity) return 'it is the same file'
  if (file.size !== there.size) return `the file has ${file.size} bytes there, and ${there.size} here`
  const { expected, faults } = await expectedContent(providers, { sources: [{ site, at }], trouble }, there, signal)
  if (!expected?.checksum) return faults[0] ?? 'the file has another size there'
  const { algorithm, value } = expected.checksum
  const own = await ownDigests(await providers.get(target.site), target.place, there, [algorithm], signal)
  return own.get(algorithm) === value ? { site, at, file } : 'the file has other content there'
}

import { SyncError } from '../../errors.ts'
import { displayPath } from '../../model/root-path.ts'
import { TRANSIENT_RETRY } from '../../model/retry-policy.ts'
import type { RootedPath } from '../../model/site.ts'
import { retryTransient } from '../../pipeline/retry-transient.ts'
import { openByteSource } from '../../providers/byte-source.ts'
import type { Provider, WritePermit } from '../../providers/provider.ts'
import { openProvider } from '../../providers/registry.ts'

/** The right was taken before (`streams/holding.ts`), and what an unfinished write left is of no use: the next receipt is another one. */
const PERMIT: WritePermit = {
  granted: Promise.resolve(),
  session: Promise.resolve(undefined),
  takeReserved: async () => await Promise.resolve(undefined),
  saveSession: async () => await Promise.resolve(),
  isAbandoned: () => true,
}

/** Copies a file of a folder of this machine to a site, and compares what arrived. */
export async function sendFile(dir: string, name: string, provider: Provider, to: RootedPath, signal: AbortSignal): Promise<void> {
  const site = { name: 'receipt', provider: 'local_drive', root: dir, requireMount: false, alternativeSites: [] }
  await using here = await openProvider(site, { mayCreateRoot: false, warn: () => undefined })
  const patiently = async <T>(work: () => Promise<T>): Promise<T> =>
    retryTransient(work, { policy: TRANSIENT_RETRY, signal, progress: () => 0 })
  await patiently(async () => {
    const source = await openByteSource(here, { root: dir, path: name }, { signal, checksumAlgorithm: provider.checksumAlgorithm })
    const file = await provider.write(to, source, { signal, permit: PERMIT, onProgress: () => undefined })
    const isSame =
      file.size === source.size &&
      (await provider.checksum(to, file, { signal })) === (await source.checksum(provider.checksumAlgorithm, signal))
    if (!isSame) throw new SyncError('VERIFY_FAILED', `${displayPath(to)} does not hold what was written`)
  })
}

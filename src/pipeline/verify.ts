import { SyncError } from '../errors.ts'
import type { Outcome } from '../model/outcome.ts'
import { displayPath } from '../model/root-path.ts'
import type { RemoteFile } from '../providers/provider.ts'
import type { Attempt } from './attempt.ts'
import type { Written } from './contracts.ts'
import { storedChecksum } from './stored-checksum.ts'

/**
 * Compares what the target holds with the source, by size and checksum. Nothing is marked on anybody's word: a target that gave no
 * checksum is asked, or read. Other bytes are replaced once; other bytes again are a fault. Never rejects.
 */
export async function verify(attempt: Attempt, written: Written | Outcome): Promise<Outcome> {
  if (written.kind !== 'written') return written
  const { signal } = attempt
  try {
    if (!(await written.patiently(async () => holds(written, written.file, signal)))) {
      const again = await written.patiently(async () => written.rewrite())
      if (!(await written.patiently(async () => holds(written, again, signal)))) throw new SyncError('VERIFY_FAILED', differs(written))
      return { kind: 'synced', id: again.id, bytes: again.size, sent: written.sent + written.source.size }
    }
    return { kind: 'synced', id: written.file.id, bytes: written.file.size, sent: written.sent }
  } catch (thrown) {
    return await written.outcomeOf(thrown)
  }
}

async function holds({ target, source, endpoints }: Written, file: RemoteFile, signal: AbortSignal): Promise<boolean> {
  if (file.size !== source.size) return false
  const expected = await source.checksum(target.checksumAlgorithm, signal)
  return (await storedChecksum(target, endpoints.target, file, signal)) === expected
}

function differs({ endpoints: { target, targetSite } }: Written): string {
  return `${displayPath(target)} on site ${JSON.stringify(targetSite.name)} does not hold the bytes that were sent, not even after sending them again`
}

import { lstat } from 'node:fs/promises'

import type { ByteSource, WriteSession } from '../provider.ts'
import type { Anchor } from './anchor.ts'
import { isTemporaryName } from './temporary-files.ts'

/** What an interrupted write left of a large file. */
export interface KeptPart {
  /** In the folder of its target. */
  readonly name: string
  /** Of the file; what stands behind `bytes` is not relied on. */
  readonly length: number
  /** So much of the source is there… */
  readonly bytes: number
  /** … and this is its checksum, as it was read from the source. */
  readonly sha256: string
}

interface Kept extends Omit<KeptPart, 'length'> {
  /** What it is called if it was not renamed any more. */
  readonly previous?: string
}

type Facts = Pick<ByteSource, 'size' | 'modified' | 'version'>

/** The session by which the next write finds it. */
export function sessionOf({ name, previous, bytes, sha256 }: Kept, source: Facts): WriteSession {
  return { part: name, ...(previous !== undefined && { previous }), bytes, sha256, ...fingerprint(source) }
}

/**
 * What can be gone on with; everything else that the session names is removed. A session is not trusted: it may be of another program
 * or provider, so only names that no other file has are looked for, and nowhere but in the folder of the target.
 */
export async function findKept(folder: Anchor, session: WriteSession, source: Facts): Promise<KeptPart | undefined> {
  const { part, previous, bytes, sha256, ...facts } = session
  const fits = Object.entries(fingerprint(source)).every(([key, value]) => Object.is(facts[key], value))
  let kept: KeptPart | undefined
  for (const name of [part, previous]) {
    if (typeof name !== 'string' || !isTemporaryName(name)) continue
    const info = await lstat(folder.at(name)).catch(() => undefined)
    if (info === undefined) continue
    const isUsable = info.isFile() && fits && typeof bytes === 'number' && bytes > 0 && bytes <= info.size && info.size <= source.size
    if (isUsable && typeof sha256 === 'string') kept ??= { name, length: info.size, bytes, sha256 }
    if (kept?.name !== name) await folder.unlink(name).catch(() => {})
  }
  return kept
}

function fingerprint({ size, modified, version = '' }: Facts): WriteSession {
  return { size, modifiedMs: modified.getTime(), version }
}

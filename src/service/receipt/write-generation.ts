import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { c4Id } from '../../model/mhl/c4.ts'
import { CHAIN_FILE, chainXml, manifestXml, type ManifestFile, type ManifestHead } from '../../model/mhl/manifest.ts'
import { displayPath } from '../../model/root-path.ts'
import { inHistory, readChain, type History, type HistoryPlace } from './read-history.ts'
import { sendFile } from './send-file.ts'

export interface Generation {
  readonly place: HistoryPlace
  /** As it was when the files were held against it. */
  readonly history: History
  readonly head: ManifestHead
  /** The manifest's name. */
  readonly name: string
  readonly files: Iterable<ManifestFile>
  /** A folder of this machine for what is to be sent. */
  readonly dir: string
}

/** Bytes that are written at once. */
const PIECE = 65_536

/**
 * Writes a manifest to where the files are, then the chain that states its C4 id: in between, the history is as it was. Gives the id.
 * Somebody else has to be kept from doing the same meanwhile.
 */
export async function writeGeneration({ place, history, head, name, files, dir }: Generation, signal: AbortSignal): Promise<string> {
  const now = await readChain(place, signal)
  if (JSON.stringify(now) !== JSON.stringify(history.links)) {
    throw new Error(`another receipt was written to ${displayPath(inHistory(place, CHAIN_FILE))} meanwhile: run it again`)
  }
  const hash = createHash('sha512')
  await pipeline(pieces(manifestXml(head, files), hash), createWriteStream(join(dir, name)), { signal })
  const c4 = c4Id(hash.digest('hex'))
  const at = inHistory(place, name)
  await sendFile(dir, name, place.provider, at, signal)
  try {
    await writeFile(join(dir, CHAIN_FILE), chainXml([...history.links, { number: history.next, path: name, c4 }]))
    await sendFile(dir, CHAIN_FILE, place.provider, inHistory(place, CHAIN_FILE), signal)
  } catch (error) {
    // A manifest that no chain knows of would count as a generation all the same.
    await place.provider.remove(at, { signal: AbortSignal.timeout(REMOVE_MS) }).catch(() => undefined)
    throw error
  }
  return c4
}

/** Milliseconds. */
const REMOVE_MS = 30_000

function* pieces(texts: Iterable<string>, hash: { update(bytes: Buffer): unknown }): Generator<Buffer> {
  let text = ''
  const taken = (): Buffer => {
    const bytes = Buffer.from(text)
    hash.update(bytes)
    text = ''
    return bytes
  }
  for (const more of texts) {
    text += more
    if (text.length >= PIECE) yield taken()
  }
  yield taken()
}

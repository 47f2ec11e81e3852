import { createHash } from 'node:crypto'

import { messageOf, SyncError } from '../../errors.ts'
import { c4Id } from '../../model/mhl/c4.ts'
import { CHAIN_FILE, generationOf, HISTORY_FOLDER, type ChainLink } from '../../model/mhl/manifest.ts'
import { displayPath } from '../../model/root-path.ts'
import type { RootedPath } from '../../model/site.ts'
import type { Provider } from '../../providers/provider.ts'
import { readXml } from './read-xml.ts'

/** A folder that may have a history: below a root of a site, or of `--out`. */
export interface HistoryPlace {
  readonly provider: Provider
  readonly root: string
  /** The folder below the root; empty: the root itself. */
  readonly folder: string
}

/** The generations that are there. */
export interface History {
  readonly links: readonly ChainLink[]
  /** Of the generation that comes next. */
  readonly next: number
  /** The patterns of the last generation. */
  readonly ignored: readonly string[]
}

/** What an earlier generation says of a file. */
export interface ListedHash {
  readonly path: string
  readonly format: string
  readonly hash: string
  readonly generation: number
}

/** What the format knows; not all of it can be computed here. */
const FORMATS: ReadonlySet<string> = new Set(['md5', 'sha1', 'c4', 'xxh32', 'xxh64', 'xxh3', 'xxh128'])
/** Generations of one history at most; with one a day it lasts for decades. */
const MAX_GENERATIONS = 100_000

export function inHistory({ root, folder }: Pick<HistoryPlace, 'root' | 'folder'>, name: string): RootedPath {
  return { root, path: `${folder === '' ? '' : `${folder}/`}${HISTORY_FOLDER}/${name}` }
}

/** The chain alone; empty where there is none. Rejects where it can't be read. */
export async function readChain(place: HistoryPlace, signal: AbortSignal): Promise<readonly ChainLink[]> {
  const at = inHistory(place, CHAIN_FILE)
  if ((await place.provider.stat(at, { signal })) === undefined) return []
  const links: ChainLink[] = []
  let path = ''
  let c4 = ''
  let number = Number.NaN
  try {
    await readXml(await place.provider.read(at, { signal }), {
      open(name, { sequencenr }) {
        if (name === 'hashlist') [path, c4, number] = ['', '', Number(sequencenr)]
      },
      close(name, text) {
        if (name === 'path') path = text
        if (name === 'c4') c4 = text
        if (name === 'hashlist') links.push(checkedLink({ number, path, c4 }))
        if (links.length > MAX_GENERATIONS) throw new Error('it has too many generations')
      },
    })
  } catch (error) {
    throw broken(at, error)
  }
  return links
}

function checkedLink(link: ChainLink): ChainLink {
  if (!Number.isInteger(link.number) || link.number < 1) throw new Error('a generation has no number')
  if (!/^[^/\\]+\.mhl$/.test(link.path)) throw new Error(`generation ${link.number} names no manifest of its own folder`)
  if (!/^c4[1-9A-HJ-NP-Za-km-z]{88}$/.test(link.c4)) throw new Error(`generation ${link.number} has no C4 id`)
  return link
}

/**
 * Reads a history through, each generation held against its C4 id, and tells of every hash that it has, the oldest first. Rejects where the
 * history is not whole: to add a generation to it would not mend it.
 */
export async function readHistory(place: HistoryPlace, listed: (hash: ListedHash) => void, signal: AbortSignal): Promise<History> {
  const links = await readChain(place, signal)
  const numbers = links.map(({ number }) => number)
  const { root, path } = inHistory(place, '')
  for await (const { name } of place.provider.list({ root, path: path.slice(0, -1) }, { signal })) {
    const number = generationOf(name)
    if (number === undefined) continue
    if (links.length === 0) throw broken(inHistory(place, CHAIN_FILE), 'it is not there, but manifests are')
    // One that the chain does not know of: somebody was interrupted. Its number is not given again.
    numbers.push(number)
  }
  let ignored: readonly string[] = []
  for (const link of links) ignored = await readGeneration(place, link, listed, signal)
  return { links, next: Math.max(0, ...numbers) + 1, ignored }
}

async function readGeneration(
  place: HistoryPlace,
  { number, path, c4 }: ChainLink,
  listed: (hash: ListedHash) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const at = inHistory(place, path)
  const hash = createHash('sha512')
  const ignored: string[] = []
  const hashes: [format: string, hash: string][] = []
  let file: string | undefined
  let isFile = false
  let action: string | undefined
  async function* noted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk)
      yield chunk
    }
  }
  try {
    await readXml(noted(await place.provider.read(at, { signal })), {
      open(name, attributes) {
        if (name === 'hash') [isFile, file] = [true, undefined]
        action = attributes['action']
      },
      close(name, text) {
        if (name === 'pattern') ignored.push(text)
        if (!isFile) return
        if (name === 'hash') {
          isFile = false
          for (const [format, value] of hashes.splice(0))
            if (file !== undefined) listed({ path: file, format, hash: value, generation: number })
        } else if (name === 'path') file = text
        // A hash that did not fit is not what the file is to be.
        else if (FORMATS.has(name) && action !== 'failed') hashes.push([name, text])
      },
    })
  } catch (error) {
    throw broken(at, error)
  }
  if (c4Id(hash.digest('hex')) !== c4) throw broken(at, 'it was changed since it was written: the chain has another C4 id of it')
  return ignored
}

/** What the site is in trouble with stays what it is. */
function broken(at: RootedPath, why: unknown): unknown {
  if (why instanceof SyncError && why.code !== 'SOURCE_MISSING') return why
  return new Error(`the history of earlier receipts can't be gone on with: ${displayPath(at)}: ${messageOf(why)}`)
}

import { dirname, join } from 'node:path'

import type { Db } from 'mongodb'

import { messageOf } from '../../errors.ts'
import { manifestName, type ManifestHead } from '../../model/mhl/manifest.ts'
import { TRANSIENT_RETRY } from '../../model/retry-policy.ts'
import { displayPath } from '../../model/root-path.ts'
import { rootKey } from '../../model/transfer.ts'
import { retryTransient } from '../../pipeline/retry-transient.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { openProvider } from '../../providers/registry.ts'
import { hold } from '../../streams/holding.ts'
import { isSiteTrouble } from '../site-content.ts'
import { DeliveredRoots, type DeliveredRoot } from './delivered-roots.ts'
import { gather, type Gathered, type GatherParts } from './gather.ts'
import { inHistory, readHistory, type History, type HistoryPlace } from './read-history.ts'
import type { WantedFile } from './spool.ts'
import { verifiedFile } from './verified-file.ts'
import { writeGeneration } from './write-generation.ts'

export interface ReceiptParts extends Omit<GatherParts, 'roots'> {
  readonly providers: Pick<ProviderPool, 'get'>
  /** Our own database: one receipt is written to a place at a time. */
  readonly state: Db
  /** A folder of this machine that takes the receipts, absolute; undefined: the site itself. */
  readonly out?: string
  /** Writes a receipt of what is verified, even where something was refused. */
  readonly isPartial: boolean
  readonly isDryRun: boolean
  readonly head: Omit<ManifestHead, 'created' | 'ignored'>
  /** Called for each file that was looked at. */
  readonly progress?: (looked: number, all: number) => void
}

/** One generation that was written, or would be. */
export interface Receipt {
  readonly root: string
  /** Where its manifest is. */
  readonly manifest: string
  readonly generation: number
  readonly files: number
  readonly bytes: number
  /** Of the manifest; undefined where it was not written. */
  readonly c4?: string
}

export interface ReceiptResult extends Gathered {
  readonly receipts: readonly Receipt[]
}

/** Files that are looked at at once. */
const AT_ONCE = 8

/** A root with the history that its receipt becomes a part of. */
interface Prepared {
  readonly number: number
  readonly root: DeliveredRoot
  readonly place: HistoryPlace
  readonly history: History
}

/**
 * Looks at every selected file that a record says is at the site, and writes a generation of an ASC MHL history for each root that has
 * some of them. What is not verified there is in `spool` as refused, and nothing is written then unless it is to be partial.
 */
export async function makeReceipts(parts: ReceiptParts): Promise<ReceiptResult> {
  const { spool, isPartial, isDryRun, signal } = parts
  const roots = new DeliveredRoots()
  const gathered = await gather({ ...parts, roots })
  await using out = parts.out === undefined ? undefined : await openOut(parts.out, parts.settings.ownFiles)
  const prepared: Prepared[] = []
  for (const number of spool.places()) {
    signal.throwIfAborted()
    const root = roots.at(number)
    const place = out ? { provider: out, root: parts.out ?? '', folder: folderOf(root) } : await placeOf(parts, root)
    const history = await patiently(parts, async () => readHistory(place, (listed) => spool.list(number, listed), signal))
    prepared.push({ number, root, place, history })
  }
  await verifyAll(parts, roots)
  const isWhole = spool.refused === 0
  const receipts: Receipt[] = []
  for (const one of isWhole || isPartial ? prepared : []) {
    const receipt = await receiptOf(parts, one, isDryRun)
    if (receipt) receipts.push(receipt)
  }
  return { ...gathered, receipts }
}

async function placeOf({ providers }: ReceiptParts, { site, root }: DeliveredRoot): Promise<HistoryPlace> {
  return { provider: await providers.get(site), root, folder: '' }
}

async function openOut(folder: string, ownFiles: readonly string[] | undefined): ReturnType<typeof openProvider> {
  const site = { name: '--out', provider: 'local_drive', root: folder, requireMount: false, alternativeSites: [] }
  return openProvider(site, { mayCreateRoot: true, warn: () => undefined, ...(ownFiles && { ownFiles }) })
}

/** Of several roots each has a folder of its own in `--out`, by its name. */
function folderOf({ site, root }: DeliveredRoot): string {
  if (typeof site.root === 'string' || site.root.size < 2) return ''
  const name = [...site.root].find(([, path]) => path === root)?.[0] ?? ''
  return encodeURIComponent(name).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
}

async function verifyAll(parts: ReceiptParts, roots: DeliveredRoots): Promise<void> {
  const { spool, progress } = parts
  const all = spool.wanted
  const trouble = new Map<string, string>()
  const left = spool.eachWanted()
  let looked = 0
  const work = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true; next = left.next()) {
      await verifyOne(parts, roots, next.value, trouble)
      progress?.(++looked, all)
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  } finally {
    // The others end with what they are at.
    left.return(undefined)
  }
}

async function patiently<T>({ signal }: ReceiptParts, work: () => Promise<T>): Promise<T> {
  return retryTransient(work, { policy: TRANSIENT_RETRY, signal, progress: () => 0 })
}

async function verifyOne(parts: ReceiptParts, roots: DeliveredRoots, wanted: WantedFile, trouble: Map<string, string>): Promise<void> {
  const { spool, providers, signal } = parts
  const { site, root } = roots.at(wanted.place)
  const claimed = {
    site,
    at: { root, path: wanted.path },
    size: wanted.size,
    isOriginal: wanted.isOriginal,
    sources: wanted.sources.map(([number, path]) => ({ site: roots.at(number).site, at: { root: roots.at(number).root, path } })),
    trouble,
    listed: (path: string) => spool.listedOf(wanted.place, path),
  }
  try {
    spool.put(wanted.place, await patiently(parts, async () => verifiedFile(providers, claimed, signal)))
  } catch (error) {
    signal.throwIfAborted()
    // Nothing is missing because a site is down.
    if (isSiteTrouble(error)) throw error
    spool.refuse({ ...wanted.about, why: messageOf(error) })
  }
}

async function receiptOf(parts: ReceiptParts, { number, root, place, history }: Prepared, isDryRun: boolean): Promise<Receipt | undefined> {
  const { spool, state, head, signal } = parts
  const totals = spool.totalsOf(number)
  if (totals.files === 0) return undefined
  const created = new Date()
  const name = manifestName(history.next, root.root, created)
  const at = parts.out === undefined ? displayPath(inHistory(place, name)) : join(parts.out, inHistory(place, name).path)
  const receipt = { root: root.root, manifest: at, generation: history.next, ...totals }
  if (isDryRun) return receipt
  const key = `receipt\0${parts.out === undefined ? rootKey(root.site.name, root.root) : dirname(at)}`
  await using held = await hold(state, key, head.author, parts.settings.leaseSeconds)
  if (!held) throw new Error(`somebody else writes a receipt to ${root.root} now: run it again in a moment`)
  const generation = {
    place,
    history,
    head: { ...head, created, ignored: ignoredOf(root, history) },
    name,
    files: spool.filesOf(number),
    dir: spool.dir,
  }
  return { ...receipt, c4: await writeGeneration(generation, AbortSignal.any([signal, held.signal])) }
}

/** Files of the format, and of this program: no delivery. Patterns of earlier generations go on to hold. */
function ignoredOf({ site: { markerFile } }: DeliveredRoot, { ignored }: History): readonly string[] {
  // Without a slash: the reference implementation holds patterns against whole paths.
  const marker = markerFile === undefined ? [] : [markerFile.replaceAll(/[\\*?[\]!# ]/g, (character) => `\\${character}`)]
  return [...new Set(['.DS_Store', 'ascmhl', 'ascmhl/', '.site-sync-*', ...marker, ...ignored])]
}

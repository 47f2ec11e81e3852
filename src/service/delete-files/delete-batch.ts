import { messageOf, SyncError } from '../../errors.ts'
import { idPlain, idText } from '../../model/document.ts'
import type { RemoteFile, Removed } from '../../providers/provider.ts'
import type { RemovalStore } from '../../streams/removals.ts'
import { inTime, isSiteTrouble } from '../site-content.ts'
import { findCopy, isStillThere, patiently, statAt, type Copy, type CopyParts } from './find-copy.ts'
import { findHolders, type HolderParts } from './find-holders.ts'
import { holdPlaces } from './hold-places.ts'
import { entryKey, type DeletedFile, type DeleteCounts, type DeleteParts, type Item, type KeptReason, type Target } from './parts.ts'
import { putBack, takeOut } from './records.ts'
import type { RootIdentities } from './root-identities.ts'

export interface BatchParts extends DeleteParts {
  readonly removals: RemovalStore
  readonly identities: RootIdentities
  readonly roots: HolderParts['roots']
  readonly trouble: Map<string, string>
  /** Entries whose record was let go while another entry kept the file. */
  readonly letGo: Set<string>
  readonly counts: DeleteCounts
  /** Aborted when another process may do the same. */
  readonly lost: AbortSignal
}

/** What is to become of a target. */
type Plan =
  | { readonly kind: 'delete'; readonly file: RemoteFile; readonly copy: Copy }
  /** The records go, and nothing else. */
  | { readonly kind: 'missing' }
  | Kept

interface Kept {
  readonly kind: 'kept'
  readonly reason: KeptReason
  readonly why: string
}

/** Files that are looked at, or deleted, at once. */
const AT_ONCE = 8
/** How much longer than a lease whoever writes there is waited for. Milliseconds. */
const PATIENCE_MS = 15_000

const keyOf = ({ project, document, entry }: Item): string => entryKey(project, idText(document._id), idText(entry['_id']))
const kept = (reason: KeptReason, why: string): Kept => ({ kind: 'kept', reason, why })

/**
 * Decides on each target, takes the records out, and deletes the files. Until a record is taken out it can be interrupted; what is begun
 * then is ended. Should the process end in between, the removals that were begun are known to the next one.
 */
export async function deleteBatch(parts: BatchParts, targets: readonly Target[]): Promise<readonly DeletedFile[]> {
  const plans = await plansOf(parts, targets)
  const isToDelete = (target: Target): boolean => plans.get(target)?.kind === 'delete'
  const letting = targets.filter((target) => !staysRecorded(plans.get(target)))
  const begun = targets.filter(isToDelete).flatMap(({ items }) => items)
  if (!parts.dryRun) await parts.removals.begin(begun.map(({ removal }) => removal))
  const gone = await takeOut(
    parts,
    letting.flatMap(({ items }) => items),
  )
  const held = letting.filter((target) => plans.get(target)?.kind === 'kept').flatMap(({ items }) => items)
  for (const item of held) if (gone.has(item)) parts.letGo.add(keyOf(item))
  // Where no record could be taken out, all of them changed meanwhile.
  const skipped = new Set(letting.filter(({ items }) => !items.some((item) => gone.has(item))))
  const done = new Map<Target, Plan | Removed>(plans)
  if (!parts.dryRun) {
    const deleting = targets.filter((target) => isToDelete(target) && !skipped.has(target))
    for (const [target, result] of await deleteAll(parts, deleting, plans, gone)) done.set(target, result)
    await settle(parts, targets, done, { gone, begun: new Set(begun) })
  }
  return targets.filter((target) => !skipped.has(target)).flatMap((target) => told(parts, target, plans, done.get(target)))
}

/** Not of a file that another entry has there: its own record goes. */
function staysRecorded(result: Plan | Removed | undefined): boolean {
  return typeof result === 'object' && result.kind === 'kept' && result.reason !== 'shared'
}

/** Puts back the records of files that are there after all. What nobody knows of is left to the next run, with its record taken out. */
async function settle(
  parts: BatchParts,
  targets: readonly Target[],
  done: ReadonlyMap<Target, Plan | Removed>,
  { gone, begun }: { readonly gone: ReadonlySet<Item>; readonly begun: ReadonlySet<Item> },
): Promise<void> {
  const known = targets.filter((target) => {
    const result = done.get(target)
    return typeof result !== 'object' || result.kind !== 'kept' || result.reason !== 'not-looked'
  })
  for (const target of known.filter((one) => staysRecorded(done.get(one)))) {
    await putBack(
      parts,
      target.items.filter((item) => item.isLeft || gone.has(item)),
    )
  }
  const ended = known.flatMap(({ items }) => items).filter((item) => item.isLeft || begun.has(item))
  await parts.removals.end(ended.map(({ removal }) => removal))
}

async function plansOf(parts: BatchParts, targets: readonly Target[]): Promise<ReadonlyMap<Target, Plan>> {
  const plans = new Map<Target, Plan>()
  const there = new Map<Target, RemoteFile>()
  await each(targets, async (target) => {
    const found = await look(parts, target)
    if (found === undefined) plans.set(target, { kind: 'missing' })
    else if ('kind' in found) plans.set(target, found)
    else there.set(target, found)
  })
  const own = new Set(targets.flatMap(({ items }) => items.map(keyOf)))
  const holders = await findHolders({ ...parts, isLetGo: (entry) => own.has(entry) || parts.letGo.has(entry) }, [...there.keys()])
  await each([...there], async ([target, file]) => {
    const holder = holders.get(target)
    if (holder !== undefined) return void plans.set(target, kept('shared', holder))
    const copy = await findCopy(parts, target, file)
    plans.set(target, typeof copy === 'string' ? kept('last-copy', copy) : { kind: 'delete', file, copy })
  })
  return plans
}

async function look(parts: CopyParts, { site, place }: Target): Promise<RemoteFile | Kept | undefined> {
  const known = parts.trouble.get(site.name)
  if (known !== undefined) return kept('not-looked', known)
  try {
    const file = await patiently(parts, async () => statAt(parts, site, place))
    const twins = file?.twins ?? 0
    return twins > 0 ? kept('duplicated', `${twins + 1} files of its name are there`) : file
  } catch (error) {
    parts.signal.throwIfAborted()
    // A folder of that name, or a file that the storage can't tell from it: the file itself is not there.
    if (error instanceof SyncError && (error.code === 'NOT_A_FILE' || error.code === 'TARGET_CONFLICT')) return undefined
    if (isSiteTrouble(error)) parts.trouble.set(site.name, messageOf(error))
    return kept('not-looked', messageOf(error))
  }
}

/** The places are held while it is looked once more whether somebody has them, and until the files are gone. */
async function deleteAll(
  parts: BatchParts,
  targets: readonly Target[],
  plans: ReadonlyMap<Target, Plan>,
  gone: ReadonlySet<Item>,
): Promise<ReadonlyMap<Target, Plan | Removed>> {
  const { state, settings, who, lost } = parts
  await using places = new AsyncDisposableStack()
  const done = new Map<Target, Plan | Removed>()
  const held: Target[] = []
  const { leaseSeconds } = settings
  const patienceMs = leaseSeconds * 1_000 + PATIENCE_MS
  await each(targets, async (target) => {
    const leases = await parts.identities.leasesOf(settings, target.site, target.place)
    const holding = await holdPlaces(state, leases, who, { leaseSeconds, patienceMs, signal: lost })
    if (holding) held.push(places.use(holding) && target)
    else done.set(target, kept('busy', 'something else is being written there'))
  })
  const own = new Set([...gone].map(keyOf))
  const unhurried = { ...parts, signal: lost }
  const holders = await findHolders({ ...unhurried, isLetGo: (entry) => own.has(entry) || parts.letGo.has(entry) }, held)
  await each(held, async (target) => {
    const plan = plans.get(target)
    const holder = holders.get(target)
    if (holder !== undefined) done.set(target, kept('shared', holder))
    else if (plan?.kind === 'delete') done.set(target, await deleteOne(unhurried, target, plan))
  })
  lost.throwIfAborted()
  return done
}

async function deleteOne(
  parts: BatchParts,
  target: Target,
  { file, copy }: Extract<Plan, { readonly kind: 'delete' }>,
): Promise<Plan | Removed> {
  const { site, place } = target
  try {
    if (!(await isStillThere(parts, copy))) return kept('last-copy', `${copy.site.name}: the file is not there any more, or was changed`)
    const provider = await parts.providers.get(site)
    const { signal } = parts
    const to = await patiently(parts, async () =>
      inTime(signal, async (limited) => provider.remove(place, { signal: limited, only: file })),
    )
    // Whoever else removed it, it is gone.
    return to ?? 'nowhere'
  } catch (error) {
    parts.lost.throwIfAborted()
    if (error instanceof SyncError && error.code === 'SOURCE_CHANGED') return kept('changed', messageOf(error))
    // Its answer may have been lost.
    const now = await look(parts, target)
    if (now === undefined) return 'nowhere'
    return kept('kind' in now && now.reason === 'not-looked' ? 'not-looked' : 'failed', messageOf(error))
  }
}

function told(
  { counts, log, dryRun }: BatchParts,
  target: Target,
  plans: ReadonlyMap<Target, Plan>,
  result: Plan | Removed | undefined,
): readonly DeletedFile[] {
  const [{ project, document, path, removal, entry }] = target.items
  const about = { project, representation: idPlain(document._id), path, site: removal.site }
  const line = { project, representationId: about.representation, fileId: idPlain(entry['_id']), path, site: removal.site }
  const plan = plans.get(target)
  if (result === undefined || (typeof result === 'object' && result.kind === 'missing')) {
    counts.missing++
    return []
  }
  if (typeof result === 'object' && result.kind === 'kept') {
    const { reason, why } = result
    counts.kept++
    if (reason === 'shared') counts.shared++
    const level = reason === 'shared' ? 'info' : 'warn'
    if (!dryRun) log.event('file.kept', { ...line, level, provider: target.site.provider, message: why, extra: { reason } })
    return [{ ...about, outcome: 'kept', reason, why }]
  }
  const bytes = plan?.kind === 'delete' ? plan.file.size : 0
  counts.deleted++
  if (typeof result === 'object') return [{ ...about, outcome: 'deleted', bytes }]
  const message = result === 'trash' ? 'moved to the trash of the site' : 'deleted'
  log.event('file.deleted', { ...line, provider: target.site.provider, bytes, message, extra: { to: result } })
  return [{ ...about, outcome: 'deleted', to: result, bytes }]
}

/** A few at a time. The first fault is thrown when all that was begun has ended. */
async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values()
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one)
  }
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))
  for (const result of ended) if (result.status === 'rejected') throw result.reason
}

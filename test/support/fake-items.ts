import { causeOf } from '../../src/model/error-cause.ts'

export interface FakeAtSite {
  site: string
  state: string
  files: number
  synced: number
  pending: number
  failed: number
  exhausted: number
  paused: number
  tries: number
  error?: string
  errors?: { cause: string; error: string; failed: number; exhausted: number }[]
  progress: number
}

/** A representation as the API lists it. */
export interface FakeItem {
  id: string
  project: string
  asset: string
  subset: string
  version: number
  name: string
  file_count: number
  size: number
  sites: FakeAtSite[]
}

const STATES = ['pending', 'failed', 'exhausted', 'paused', 'synced'] as const

export function atSite(site: string, state: string, files: number, more: Partial<FakeAtSite> = {}): FakeAtSite {
  const none = { synced: 0, pending: 0, failed: 0, exhausted: 0, paused: 0 }
  const { error } = more
  const of = { failed: 0, exhausted: 0, [state]: more.failed ?? more.exhausted ?? files }
  const errors = error === undefined ? {} : { errors: [{ cause: causeOf(error), error, failed: of.failed, exhausted: of.exhausted }] }
  const tries = state === 'exhausted' ? 3 : state === 'failed' ? 1 : 0
  return { site, state, files, ...none, [state]: files, tries, progress: state === 'synced' ? 1 : 0, ...errors, ...more }
}

/** An ObjectId made at that time. */
export const idAt = (seconds: number, n: number): string => `${seconds.toString(16).padStart(8, '0')}${n.toString(16).padStart(16, '0')}`

/** Many, alike but for their names; one in ten waits at `gdrive`. */
export function manyItems(count: number, firstSecond = 1_795_000_000): FakeItem[] {
  return Array.from({ length: count }, (_, n) => ({
    id: idAt(firstSecond + n, n),
    project: 'dune_ads',
    asset: `sh${String(n).padStart(6, '0')}`,
    subset: 'renderMain',
    version: 1 + (n % 40),
    name: 'exr',
    file_count: 120,
    size: 120 * 48_000_000,
    sites: [atSite('studio', 'synced', 120), atSite('gdrive', n % 10 === 0 ? 'pending' : 'synced', 120)],
  }))
}

/** As the list is filtered by the service. */
export function matches(item: FakeItem, params: URLSearchParams): boolean {
  const [project, site, asset, error, q] = ['project', 'site', 'asset', 'error', 'q'].map((key) => params.get(key) ?? undefined)
  const states = params.get('state')?.split(',')
  if (project !== undefined && item.project !== project) return false
  if (asset !== undefined && item.asset !== asset) return false
  if (q !== undefined && ![item.asset, item.subset, item.name, item.id].some((text) => text.toLowerCase().includes(q.toLowerCase())))
    return false
  if (site === undefined && !states && error === undefined) return true
  return item.sites.some(
    (at) =>
      (site === undefined || at.site === site) &&
      (!states || STATES.some((state) => states.includes(state) && at[state] > 0)) &&
      (error === undefined || at.error?.toLowerCase().includes(error.toLowerCase()) === true),
  )
}

export function sortItems(items: FakeItem[], sort: string): FakeItem[] {
  const key = sort.replace(/^-/, '') as keyof FakeItem
  const direction = sort.startsWith('-') ? -1 : 1
  return items.toSorted((one, other) => direction * (one[key] < other[key] ? -1 : one[key] > other[key] ? 1 : 0))
}

/** How many of its records an action is about. */
export function isSelected(item: FakeItem, action: string, { representation, ...selection }: Readonly<Record<string, string>>): number {
  if (representation !== undefined && item.id !== representation) return 0
  const { site } = selection
  if (action === 'add-site') return item.sites.some((at) => at.site === site) ? 0 : item.file_count
  if (!matches(item, new URLSearchParams(selection))) return 0
  const states = selection['state']?.split(',') ?? (action === 'retry' ? ['failed', 'exhausted'] : STATES)
  return item.sites
    .filter((at) => site === undefined || at.site === site)
    .reduce((sum, at) => sum + STATES.reduce((total, state) => total + (states.includes(state) ? at[state] : 0), 0), 0)
}

/** With every file, and the answer of `explain`. */
export function detailOf(item: FakeItem): object {
  const files = Array.from({ length: item.file_count }, (_, n) => {
    const path = `{root[work]}/${item.project}/${item.asset}/${item.subset}/${item.asset}_${item.subset}.${1_001 + n}.${item.name}`
    return item.sites.map((at) => ({
      file: idAt(n, n),
      path,
      size: Math.round(item.size / item.file_count),
      site: at.site,
      ...fileState(item, at, n),
    }))
  })
  return { ...item, remarks: [], files: files.flat() }
}

function fileState({ project, id }: FakeItem, { site, state, synced, error, tries }: FakeAtSite, n: number): object {
  const command = (verb: string) => `site-sync ${verb} --project=${project} --site=${site} -- ${id}`
  if (state === 'synced' || n < synced)
    return { state: 'synced', reason: 'synced', created_dt: '2026-11-27T12:00:00.000Z', command: command('reset') }
  if (state === 'exhausted')
    return {
      state,
      reason: `failed ${tries} times, "retry_cnt" is 3; last error: ${error}. Mend that, then delete "tries"`,
      tries,
      error,
      command: command('retry'),
    }
  if (state === 'failed')
    return {
      state: 'pending',
      reason: `pending after ${tries} of 3 tries, next one with the next scan; last error: ${error}.`,
      tries,
      error,
      command: command('retry'),
    }
  if (state === 'paused') return { state, reason: 'paused in the document', paused: true, command: command('resume') }
  return { state: 'pending', reason: 'pending. It is sent when its turn comes' }
}

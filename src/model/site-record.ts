import { isPlain, type Plain } from './document.ts'
import { isBroken } from './valid-text.ts'

export const DEFAULT_PRIORITY = 50

/** The fields that a result writes; a record in which one of them changed since it was claimed was rewritten by somebody. */
export const RESULT_FIELDS = ['created_dt', 'error', 'tries', 'last_failed_dt', 'id'] as const
type ResultField = (typeof RESULT_FIELDS)[number]

/** The result fields as they were; a missing field is a missing key. */
export type RecordSnapshot = Readonly<Partial<Record<ResultField, unknown>>>

/** How `files[].sites` holds its records. */
export type Shape = 'array' | 'object'

/** What a file entry says about one site. */
export interface SiteRecord {
  readonly site: string
  /** `created_dt` is neither missing nor null: the file is there. */
  readonly created: boolean
  readonly paused: boolean
  /** A whole number. Missing, null or negative is 0; undefined when it is no number at all. */
  readonly tries: number | undefined
  /** 1 to 1000; undefined: nobody said. */
  readonly priority: number | undefined
  readonly error: string | undefined
  readonly lastFailed: Date | undefined
  readonly snapshot: RecordSnapshot
}

export interface SiteRecords {
  readonly shape: Shape
  /** In the order of the document. An array may hold several records of one site. */
  readonly records: ReadonlyMap<string, readonly SiteRecord[]>
  /** What could not be read, for people. */
  readonly unreadable: readonly string[]
}

/** Reads `files[].sites` of either shape. What can't be read is named and skipped; the rest is served. */
export function readSites(sites: unknown): SiteRecords {
  if (sites === undefined || sites === null) return { shape: 'array', records: new Map(), unreadable: [] }
  if (Array.isArray(sites)) return fromArray(sites)
  if (isPlain(sites)) return fromObject(sites)
  return { shape: 'array', records: new Map(), unreadable: [`sites is ${typeName(sites)}`] }
}

function fromArray(sites: readonly unknown[]): SiteRecords {
  const records = new Map<string, SiteRecord[]>()
  const unreadable: string[] = []
  for (let index = 0; index < sites.length; index++) {
    const element = sites[index]
    if (!isPlain(element)) unreadable.push(`sites.${index} is ${typeName(element)}`)
    else if (typeof element['name'] !== 'string') unreadable.push(`sites.${index} has no name`)
    else if (isBroken(element['name'])) unreadable.push(`sites.${index}.name is not valid UTF-8`)
    else {
      const record = readRecord(element['name'], element)
      const same = records.get(record.site)
      if (same) same.push(record)
      else records.set(record.site, [record])
    }
  }
  return { shape: 'array', records, unreadable }
}

function fromObject(sites: Plain): SiteRecords {
  const records = new Map<string, SiteRecord[]>()
  const unreadable: string[] = []
  for (const [site, value] of Object.entries(sites)) {
    if (isBroken(site)) unreadable.push(`sites.${site}: the name is not valid UTF-8`)
    else if (isPlain(value)) records.set(site, [readRecord(site, value)])
    else unreadable.push(`sites.${site} is ${typeName(value)}`)
  }
  return { shape: 'object', records, unreadable }
}

function readRecord(site: string, raw: Plain): SiteRecord {
  const snapshot: Partial<Record<ResultField, unknown>> = {}
  for (const field of RESULT_FIELDS) if (Object.hasOwn(raw, field)) snapshot[field] = raw[field]
  const created = snapshot.created_dt
  const failed = snapshot.last_failed_dt
  return {
    site,
    created: created !== undefined && created !== null,
    paused: Object.hasOwn(raw, 'paused') && raw['paused'] === true,
    tries: readTries(snapshot.tries),
    priority: readPriority(Object.hasOwn(raw, 'priority') ? raw['priority'] : undefined),
    error: typeof snapshot.error === 'string' ? snapshot.error : undefined,
    lastFailed: failed instanceof Date && !Number.isNaN(failed.getTime()) ? failed : undefined,
    snapshot,
  }
}

/** What a record's `tries` counts; undefined when it is no number. */
export function readTries(tries: unknown): number | undefined {
  if (tries === undefined || tries === null) return 0
  return typeof tries === 'number' && Number.isFinite(tries) ? Math.max(0, Math.trunc(tries)) : undefined
}

function readPriority(priority: unknown): number | undefined {
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return undefined
  return Math.min(1000, Math.max(1, priority))
}

/** Can the name be a part of a dotted path, and mean itself there? */
export function isPathName(site: string): boolean {
  return site !== '' && !site.includes('.') && !site.startsWith('$') && !site.includes('\0')
}

/** The type of a value as people call it. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (isPlain(value)) return 'an object'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value === 'object') return `a ${value.constructor.name}`
  return `a ${typeof value}`
}

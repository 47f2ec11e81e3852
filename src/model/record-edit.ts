import { isPlain, type Plain } from './document.ts'
import { isInState } from './record-state.ts'
import type { Selection } from './selection.ts'
import { readSites, type Shape, type SiteRecord } from './site-record.ts'

/** What a person makes of a record of a site. It is said here once, and rendered as an update or as a line to type. */
export type RecordEdit =
  /** Takes fields out. */
  | { readonly kind: 'unset'; readonly fields: readonly ('tries' | 'error' | 'paused')[] }
  | { readonly kind: 'set'; readonly field: 'paused' | 'priority'; readonly value: true | number }
  /** The record says nothing but its name: please sync. */
  | { readonly kind: 'reset' }
  /** A record that says so, where there is none; or the records that were there, put back with all their fields. */
  | { readonly kind: 'add'; readonly records?: readonly Plain[] }
  | { readonly kind: 'remove' }

export const RETRY: RecordEdit = { kind: 'unset', fields: ['tries', 'error'] }
export const RESET: RecordEdit = { kind: 'reset' }
export const ADD: RecordEdit = { kind: 'add' }
export const REMOVE: RecordEdit = { kind: 'remove' }
export const PAUSE: RecordEdit = { kind: 'set', field: 'paused', value: true }
export const RESUME: RecordEdit = { kind: 'unset', fields: ['paused'] }

/** The files of one document whose records of one site are edited alike. */
export interface EditedFiles {
  readonly site: string
  readonly shape: Shape
  readonly fileIds: readonly unknown[]
  /** Entries of them, as they were read. */
  readonly entries: readonly Readonly<Record<string, unknown>>[]
  /** How many of them have a `created_dt`. */
  readonly created: number
}

export interface EditScope {
  readonly selection: Pick<Selection, 'site' | 'states' | 'error'>
  /** The sites that are looked at where the selection names none. */
  readonly sites: readonly string[]
  readonly retryCount: number
}

/** What an edit would do in a document; nothing where it would change nothing. */
export function editedFiles(files: unknown, edit: RecordEdit, scope: EditScope): readonly EditedFiles[] {
  if (!Array.isArray(files)) return []
  const entries = (files as readonly unknown[])
    .filter(isPlain)
    .filter(({ _id }) => _id !== undefined && _id !== null)
    .map((entry) => ({ entry, read: readSites(entry['sites']) }))
  const sites = scope.selection.site === undefined ? scope.sites : [scope.selection.site]
  return sites.flatMap((site) => {
    const chosen = entries.filter(({ entry, read }) => isEdited(entry['sites'], read.records.get(site) ?? [], site, edit, scope))
    return (['array', 'object'] as const).flatMap((shape) => {
      const own = chosen.filter(({ read }) => read.shape === shape)
      if (own.length === 0) return []
      const created = own.filter(({ read }) => read.records.get(site)?.some((record) => record.created)).length
      return [{ site, shape, fileIds: own.map(({ entry }) => entry['_id']), entries: own.map(({ entry }) => entry), created }]
    })
  })
}

function isEdited(sites: unknown, records: readonly SiteRecord[], site: string, edit: RecordEdit, scope: EditScope): boolean {
  if (edit.kind === 'add') return records.length === 0 && takesRecordOf(sites, site)
  const chosen = records.filter((record) => isChosen(record, scope))
  return chosen.some((record) => changes(rawRecords(sites, site), record, edit, scope))
}

/** Do state and error of a record fit what is selected? */
export function isChosen(record: SiteRecord, { selection: { states, error }, retryCount }: Omit<EditScope, 'sites'>): boolean {
  if (states !== undefined && ![...states].some((state) => isInState(record, state, retryCount))) return false
  return error === undefined || record.error?.toLowerCase().includes(error.toLowerCase()) === true
}

function changes(raw: readonly Readonly<Record<string, unknown>>[], record: SiteRecord, edit: RecordEdit, scope: EditScope): boolean {
  switch (edit.kind) {
    case 'unset':
      return raw.some((fields) => edit.fields.some((field) => Object.hasOwn(fields, field)))
    case 'set':
      // What is there is not waited for; a priority there is one of a source, and counts where it was asked for by name.
      if (record.created && (edit.field === 'paused' || scope.selection.site === undefined)) return false
      return raw.some((fields) => fields[edit.field] !== edit.value)
    case 'reset':
      return raw.some((fields) => Object.keys(fields).some((field) => field !== 'name'))
    case 'remove':
    case 'add':
      return true
  }
}

/** The records of a site with all their fields, as they stand in either shape. */
export function rawRecords(sites: unknown, site: string): readonly Readonly<Record<string, unknown>>[] {
  if (Array.isArray(sites)) return sites.filter(isPlain).filter(({ name }) => name === site)
  if (!isPlain(sites)) return []
  const own = Object.entries(sites).find(([name]) => name === site)?.[1]
  return isPlain(own) ? [own] : []
}

/** May a record of the site be added, where none is? */
export function takesRecordOf(sites: unknown, site: string): boolean {
  return takesRecords(sites) && !hasField(sites, site)
}

/** A list of texts is the oldest shape, which is left alone; where nothing was ever written, an array is begun. */
export function takesRecords(sites: unknown): boolean {
  if (sites === undefined) return true
  return Array.isArray(sites) ? sites.length === 0 || sites.some(isPlain) : isPlain(sites)
}

/** Something that nobody can read stands where the record would be. */
function hasField(sites: unknown, site: string): boolean {
  return isPlain(sites) && Object.hasOwn(sites, site)
}

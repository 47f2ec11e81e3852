import { idText, isPlain, type Plain } from './document.ts'
import { isInState } from './record-state.ts'
import type { Selection } from './selection.ts'
import { readSites, typeName, type Shape, type SiteRecord, type SiteRecords } from './site-record.ts'

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

/** What an edit comes to in one document. */
export interface PlannedEdit {
  /** Empty where it would change nothing. */
  readonly edited: readonly EditedFiles[]
  /** Files that were selected and can't be edited: where in the document, and why; for people. */
  readonly uneditable: readonly string[]
}

export function planEdit(files: unknown, edit: RecordEdit, scope: EditScope): PlannedEdit {
  if (files !== undefined && files !== null && !Array.isArray(files)) return { edited: [], uneditable: [`files is ${typeName(files)}`] }
  const entries = readEntries(files)
  const groups = chosenGroups(entries, edit, scope)
  return { edited: groups.flatMap(editedIn), uneditable: faultsIn(entries, groups, edit, scope) }
}

/** What an edit would do in a document; nothing where it would change nothing. */
export function editedFiles(files: unknown, edit: RecordEdit, scope: EditScope): readonly EditedFiles[] {
  return planEdit(files, edit, scope).edited
}

function editedIn({ site, shape, addressed }: Group): readonly EditedFiles[] {
  if (addressed.length === 0) return []
  const created = addressed.filter(({ read }) => read.records.get(site)?.some((record) => record.created)).length
  return [{ site, shape, fileIds: addressed.map(({ entry }) => entry['_id']), entries: addressed.map(({ entry }) => entry), created }]
}

function faultsIn(entries: readonly Entry[], groups: readonly Group[], edit: RecordEdit, scope: EditScope): readonly string[] {
  const faults = new Map<number, string>()
  for (const { entry, index } of groups.flatMap(({ others }) => others)) {
    faults.set(index, hasId(entry) ? ' has the _id of another file' : ' has no _id')
  }
  for (const { entry, index } of edit.kind === 'add' ? entries : []) {
    const fault = sitesFault(entry['sites'], sitesIn(scope))
    if (fault !== undefined) faults.set(index, fault)
  }
  return [...faults].map(([index, fault]) => `files.${index}${fault}`)
}

/** Why no record can be added. */
function sitesFault(sites: unknown, names: readonly string[]): string | undefined {
  if (!takesRecords(sites)) return `.sites is ${Array.isArray(sites) ? 'a list of names, without records' : typeName(sites)}`
  const name = names.find((each) => hasField(sites, each) && rawRecords(sites, each).length === 0)
  return name === undefined ? undefined : `.sites holds no record under ${JSON.stringify(name)}`
}

interface Entry {
  readonly entry: Plain
  readonly read: SiteRecords
  /** Among all elements of `files`. */
  readonly index: number
}

/** The files whose records of a site an edit would change, of one shape. */
interface Group {
  readonly site: string
  readonly shape: Shape
  readonly addressed: readonly Entry[]
  /** An update finds files by their `_id`: these have none, or share it with a file that is not to be changed. */
  readonly others: readonly Entry[]
}

function readEntries(files: unknown): readonly Entry[] {
  const all: readonly unknown[] = Array.isArray(files) ? files : []
  return all.flatMap((entry, index) => (isPlain(entry) ? [{ entry, read: readSites(entry['sites']), index }] : []))
}

function chosenGroups(entries: readonly Entry[], edit: RecordEdit, scope: EditScope): readonly Group[] {
  const all = countIds(entries)
  return sitesIn(scope).flatMap((site) => {
    const chosen = entries.filter(({ entry, read }) => isEdited(entry['sites'], read.records.get(site) ?? [], site, edit, scope))
    return (['array', 'object'] as const).flatMap((shape) => {
      const group = chosen.filter(({ read }) => read.shape === shape)
      if (group.length === 0) return []
      const own = group.length === entries.length ? all : countIds(group)
      const isAddressed = ({ entry }: Entry): boolean => hasId(entry) && own.get(idText(entry['_id'])) === all.get(idText(entry['_id']))
      return { site, shape, addressed: group.filter(isAddressed), others: group.filter((each) => !isAddressed(each)) }
    })
  })
}

const hasId = ({ _id }: Plain): boolean => _id !== undefined && _id !== null

function countIds(entries: readonly Entry[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { entry } of entries) {
    const id = idText(entry['_id'])
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

/** Those that an edit is about. */
function sitesIn({ selection: { site }, sites }: EditScope): readonly string[] {
  return site === undefined ? sites : [site]
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

import { UsageError } from '../errors.ts'
import { nearest } from './nearest.ts'

const SELECTABLE_STATES = ['pending', 'failed', 'exhausted', 'paused', 'synced'] as const
export type SelectableState = (typeof SELECTABLE_STATES)[number]

/** Which records a command is about: all that is said holds at once. Nothing is ever selected by saying nothing. */
export interface Selection {
  /** An id, a path, or asset/subset/version/name. */
  readonly representation?: string
  readonly project?: string
  readonly asset?: string
  readonly subset?: string
  readonly version?: string
  readonly name?: string
  readonly site?: string
  readonly states?: ReadonlySet<SelectableState>
  /** A part of the text in `error`, upper and lower case alike. */
  readonly error?: string
  readonly all?: true
}

const TEXTS = ['representation', 'project', 'asset', 'subset', 'version', 'name', 'site', 'error'] as const
const KEYS: ReadonlySet<string> = new Set([...TEXTS, 'state', 'all'])

/** What there is to be named. */
export interface KnownNames {
  readonly sites: ReadonlySet<string>
  readonly projects: readonly string[]
}

/**
 * Reads a selection as the command line has it, or a body of the HTTP API: options by their names without dashes, `state` as
 * comma-separated text, `representation` for the argument. Throws a `UsageError` for what is unknown.
 */
export function parseSelection(given: Readonly<Record<string, unknown>>, known: KnownNames): Selection {
  const said = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [key] of said) if (!KEYS.has(key)) throw new UsageError(`unknown key ${JSON.stringify(key)} in a selection${like(key, KEYS)}`)
  const texts = said.filter(([key]) => key !== 'all').map(([key, value]): [string, string] => [key, textOf(key, value)])
  const { state, ...selection } = Object.fromEntries(texts) as Omit<Selection, 'all' | 'states'> & { state?: string }
  if (given['all'] !== undefined && typeof given['all'] !== 'boolean') throw new UsageError('"all" is true or false')
  const { site, project } = selection
  if (site !== undefined && !known.sites.has(site)) throw new UsageError(unknown('site', site, known.sites))
  if (project !== undefined && !known.projects.includes(project)) throw new UsageError(unknown('project', project, known.projects))
  return {
    ...selection,
    ...(state !== undefined && { states: statesOf(state) }),
    ...(given['all'] === true && { all: true as const }),
  }
}

/** Throws where nothing is selected; `siteIsTarget`: the site says where, not what. */
export function assertSelects({ site, ...rest }: Selection, { siteIsTarget = false } = {}): void {
  const selects = Object.keys(rest).length > 0 || (site !== undefined && !siteIsTarget)
  if (selects) return
  const more = siteIsTarget && site !== undefined ? ' "--site" alone says where, not what.' : ''
  throw new UsageError(
    `nothing is selected: name a REPRESENTATION, or --project, --asset, --subset, --version, --name, --site, --state, --error, or --all.${more}`,
  )
}

/** What a pause is about that is not written into records: everything, a project, a site, or a site in a project. */
export interface WideScope {
  readonly project?: string
  readonly site?: string
}

/** Undefined when the selection says more than a wide pause can. */
export function wideScopeOf({ project, site, all, ...more }: Selection): WideScope | undefined {
  if (Object.keys(more).length > 0) return undefined
  if (project === undefined && site === undefined && all === undefined) return undefined
  return { ...(project !== undefined && { project }), ...(site !== undefined && { site }) }
}

function textOf(key: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  if (key === 'version' && typeof value === 'number') return String(value)
  throw new UsageError(`"${key}" of a selection is a text that is not empty`)
}

/** Throws a `UsageError` for a state that is none. */
export function statesOf(text: string): ReadonlySet<SelectableState> {
  const states = text.split(',').map((state) => state.trim())
  for (const state of states) {
    if (!(SELECTABLE_STATES as readonly string[]).includes(state)) throw new UsageError(unknown('state', state, SELECTABLE_STATES))
  }
  return new Set(states as SelectableState[])
}

function unknown(what: string, name: string, known: Iterable<string>): string {
  const names = [...known]
  const there = names.length > 0 && names.length <= 10 ? `; there are ${names.map((each) => JSON.stringify(each)).join(', ')}` : ''
  return `there is no ${what} ${JSON.stringify(name)}${like(name, names) || there}`
}

function like(name: string, known: Iterable<string>): string {
  const names = nearest(name, known)
  return names.length === 0 ? '' : `; did you mean ${names.map((each) => JSON.stringify(each)).join(' or ')}?`
}

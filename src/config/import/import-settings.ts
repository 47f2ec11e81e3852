import { isDeepStrictEqual } from 'node:util'

import { isRawObject, rawObject, type RawObject } from '../read-json.ts'
import type { GatheredSettings } from './gather-settings.ts'
import { importSites, LOCAL } from './import-sites.ts'
import { mergeOverrides } from './merge-overrides.ts'

export interface Imported {
  readonly configuration: RawObject
  /** What could not be carried over, and what is to be looked at; for people. */
  readonly notes: readonly string[]
}

const STUDIO = 'studio'
/** What holds in OpenPype unless it is overridden. */
const DEFAULTS: RawObject = rawObject([
  ['enabled', false],
  [
    'config',
    rawObject(Object.entries({ retry_cnt: '3', loop_delay: '60', always_accessible_on: [], active_site: STUDIO, remote_site: STUDIO })),
  ],
  ['sites', rawObject([])],
])
const KNOWN: ReadonlySet<string> = new Set(['retry_cnt', 'loop_delay', 'always_accessible_on', 'active_site', 'remote_site'])

/** One project, or all that do not say otherwise. */
interface Scope {
  readonly enabled: boolean
  readonly general: RawObject
  readonly sites: RawObject
}

/** OpenPype's settings as a configuration of this service. */
export function importSettings({ system: stored, defaults, projects, notes: found }: GatheredSettings, mongo?: RawObject): Imported {
  const notes = new Set(found)
  if (!stored) notes.add('there are no system settings: the providers of sites are not known, and syncing is off')
  if (!defaults && projects.size === 0) notes.add('there are no project settings: no site is in use, and syncing is off')
  const system = mergeOverrides(rawObject([['enabled', false]]), stored ?? rawObject([]))
  const systemSites = isRawObject(system['sites']) ? system['sites'] : rawObject([])
  const scopeOf = (settings: RawObject): Scope => scope(settings, systemSites, settings['enabled'] === true ? notes : new Set())
  const general = mergeOverrides(DEFAULTS, defaults ?? rawObject([]))
  const common = scopeOf(general)
  const own = new Map(Array.from(projects, ([name, settings]) => [name, scopeOf(mergeOverrides(general, settings))]))
  const on = [...own].filter(([, { enabled }]) => enabled)
  for (const name of Object.keys(systemSites)) {
    if (![common, ...own.values()].some(({ enabled, sites }) => enabled && name in sites))
      notes.add(`site ${name} of the system settings is used by no project: left out`)
  }
  // Where syncing is on for single projects only, the first of them says what holds for all.
  const base = common.enabled ? common : (on[0]?.[1] ?? common)
  const isOn = system['enabled'] === true && (common.enabled || on.length > 0)
  if (stored && system['enabled'] !== true) notes.add('the sync server is switched off in the system settings: "enabled" is false')
  else if (!isOn) notes.add('syncing is enabled in no project: "enabled" is false')
  const configuration = rawObject([
    ...(isOn ? [] : [['enabled', false] as const]),
    ...Object.entries(base.general),
    ['roots_from_project', true],
    ...(mongo ? [['mongo', mongo] as const] : []),
    ['sites', base.sites],
    ['projects', projectsOf(common, base, own, notes)],
  ])
  notes.add("the studio's root is that of each project's own document (roots_from_project), unless sites.studio.root is given")
  notes.add(
    'pauses of projects and of the server, and settings of single workstations (local settings), are in no database of the studio: not carried over',
  )
  return { configuration, notes: [...notes] }
}

function projectsOf(common: Scope, base: Scope, own: ReadonlyMap<string, Scope>, notes: Set<string>): RawObject {
  const overrides = rawObject([])
  for (const [name, { enabled, general, sites }] of own) {
    if (!enabled) {
      if (common.enabled) overrides[name] = rawObject([['enabled', false]])
      continue
    }
    if (general['loop_delay'] !== base.general['loop_delay']) notes.add(`project ${name}: a loop_delay of its own is not carried over`)
    const different = (['publish_site', 'remote_site', 'retry_cnt', 'always_accessible_on'] as const).filter(
      (key) => !isDeepStrictEqual(general[key], base.general[key]),
    )
    // Left out it is none, which has to be said where there is one in general.
    const values = different.map((key) => [key, general[key] ?? []] as const)
    const otherSites = rawObject(Object.entries(sites).filter(([site, value]) => !isDeepStrictEqual(value, base.sites[site])))
    const off = Object.keys(base.sites).filter((site) => !(site in sites))
    for (const site of off) otherSites[site] = rawObject([['enabled', false]])
    const override = rawObject([...values, ...(Object.keys(otherSites).length > 0 ? [['sites', otherSites] as const] : [])])
    if (Object.keys(override).length > 0) overrides[name] = override
  }
  const included = common.enabled ? ['*'] : [...own].flatMap(([name, { enabled }]) => (enabled ? [name] : []))
  return rawObject([
    ['include', included.length > 0 ? included : ['*']],
    ...(Object.keys(overrides).length > 0 ? [['overrides', overrides] as const] : []),
  ])
}

function scope(settings: RawObject, system: RawObject, notes: Set<string>): Scope {
  const config = isRawObject(settings['config']) ? settings['config'] : rawObject([])
  for (const key of Object.keys(config)) if (!KNOWN.has(key)) notes.add(`config.${key} is not known here: not carried over`)
  const used = isRawObject(settings['sites']) ? settings['sites'] : rawObject([])
  const publish = typeof config['active_site'] === 'string' && config['active_site'] !== '' ? config['active_site'] : STUDIO
  const sites = importSites(system, used, publish, notes)
  const enabled = settings['enabled'] === true
  const accessible = Array.isArray(config['always_accessible_on'])
    ? config['always_accessible_on'].filter((name) => Object.hasOwn(sites, String(name)) || name === publish)
    : []
  if (publish === LOCAL) notes.add('active_site is "local", each workstation\'s own: set local_id and publish_site where the service runs')
  return {
    enabled,
    sites,
    general: rawObject([
      ['publish_site', publish],
      ['remote_site', remoteSite(config['remote_site'], publish, sites, enabled, notes)],
      ['retry_cnt', numberOf(config['retry_cnt'], 3)],
      ['loop_delay', numberOf(config['loop_delay'], 60)],
      ...(accessible.length > 0 ? [['always_accessible_on', accessible] as const] : []),
    ]),
  }
}

function remoteSite(said: unknown, publish: string, sites: RawObject, enabled: boolean, notes: Set<string>): string {
  const name = typeof said === 'string' ? said : ''
  if (Object.hasOwn(sites, name) && name !== publish) return name
  if (enabled && name === publish) notes.add(`remote_site is the same as active_site (${name}): nothing is transferred; it is left empty`)
  else if (enabled && name !== '')
    notes.add(`remote_site ${JSON.stringify(name)} is no site that can be used: it is left empty, and nothing is transferred`)
  return ''
}

function numberOf(value: unknown, otherwise: number): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : otherwise
}

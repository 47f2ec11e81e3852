import { basename } from 'node:path'

import { projectSettings } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import type { RawConfig } from './layout.ts'
import type { Problems } from './problems.ts'
import { nearest } from './unknown-keys.ts'

/** Checks what only the whole configuration can tell: that sites which are named exist. */
export function checkSites(settings: Settings, raw: RawConfig, isEnabled: boolean, problems: Problems): void {
  const { publishSite, remoteSite, localId, projects } = settings
  // Sites with mistakes of their own are declared too.
  const declared = new Set(raw.sites.keys())
  checkRemoteSite(remoteSite, publishSite, declared, raw.keyOf(['remote_site']), raw, problems)
  if (remoteSite !== '' && remoteSite === publishSite) {
    problems.warn(`${raw.keyOf(['remote_site'])} is the site this instance works on (${publishSite}): nothing is transferred`)
  }
  if (remoteSite !== publishSite) warnOfSkipped(remoteSite, settings, raw.keyOf(['remote_site']), problems)
  const checkAccessible = (names: readonly string[] | undefined, among: ReadonlySet<string>, own: string, ...below: string[]): void => {
    for (const [index, name] of (isEnabled ? (names ?? []) : []).entries()) {
      if (among.has(name) || name === own || name === localId) continue
      problems.add(raw.keyOf([...below, 'always_accessible_on', index]), name, oneOf(name, among))
    }
  }
  checkAccessible(settings.alwaysAccessibleOn, declared, publishSite)
  const checkSources = (names: readonly string[] = [], among: ReadonlySet<string>, own: string, ...below: string[]): void => {
    for (const name of names) {
      if (among.has(name) || name === own || name === localId) continue
      problems.warn(`${raw.keyOf([...below, 'sources'])} names ${name}, which is not declared`)
    }
  }
  // Where only some project declares a site, it counts there.
  const inProjects = [...projects.overrides.values()].flatMap(({ sites }) => [...(sites?.keys() ?? [])])
  checkSources(settings.sources, new Set([...declared, ...inProjects]), publishSite)
  for (const [project, override] of projects.overrides) {
    const sites = new Set([...declared, ...(override.sites?.keys() ?? [])])
    const own = override.publishSite ?? publishSite
    checkAccessible(override.alwaysAccessibleOn, sites, own, 'projects', 'overrides', project)
    checkSources(override.sources, sites, own, 'projects', 'overrides', project)
    if (override.remoteSite === undefined) continue
    const key = raw.keyOf(['projects', 'overrides', project, 'remote_site'])
    checkRemoteSite(override.remoteSite, own, sites, key, raw, problems)
    if (override.remoteSite !== own) warnOfSkipped(override.remoteSite, projectSettings(settings, project), key, problems)
  }
  for (const site of settings.sites.values()) {
    for (const alternative of site.alternativeSites) {
      if (declared.has(alternative) || alternative === publishSite || alternative === localId) continue
      problems.warn(`${raw.sites.get(site.name)?.keyOf(['alternative_sites'])} names ${alternative}, which is not declared`)
    }
  }
}

function warnOfSkipped(name: string, { skipped }: Pick<Settings, 'skipped'>, key: string, problems: Problems): void {
  if (skipped?.has(name)) problems.warn(`${key} names ${name}, which is skipped on this machine: nothing is transferred to it`)
}

function checkRemoteSite(name: string, own: string, declared: ReadonlySet<string>, key: string, raw: RawConfig, problems: Problems): void {
  if (name === '' || declared.has(name) || name === own) return
  const isPartOfFolder = raw.files.length === 1 && basename(raw.files[0] ?? '') === 'config.json' && declared.size === 0
  const hint = isPartOfFolder ? '; where the sites stand in files of their own, give the folder instead of its config.json' : ''
  problems.add(key, name, `${oneOf(name, declared, ', or "" for no syncing')}${hint}`)
}

function oneOf(name: string, declared: ReadonlySet<string>, or = ''): string {
  if (declared.size === 0) return `the name of a declared site${or}; no site is declared`
  const meant = nearest(name, declared)
  const names = [...declared].slice(0, 20).map((site) => JSON.stringify(site))
  return `the name of a declared site (${names.join(', ')})${or}${meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`}`
}

import type { ProjectOverride } from '../model/settings.ts'
import type { Site, SkippedSite } from '../model/site.ts'
import type { RawConfig } from './layout.ts'
import { loadSite, type SiteRole } from './load-site.ts'
import { mergeSite } from './merge-site.ts'
import type { KeyOf, Problems } from './problems.ts'
import { parseWhatFits } from './parse.ts'
import type { PathContext } from './paths.ts'
import { isRawObject, type RawObject } from './read-json.ts'
import { overrideSchema } from './schema.ts'
import { warnOfUnknownKeys } from './unknown-keys.ts'

type RoleOf = (site: string) => SiteRole

const plainKeys = overrideSchema.omit({ sites: true })

/** What each project does differently, by the project's name; sites are whole definitions afterwards. */
export function loadOverrides(raw: RawConfig, roleOf: RoleOf, context: PathContext): Map<string, ProjectOverride> {
  const overrides = new Map<string, ProjectOverride>()
  for (const [project, value] of Object.entries(rawOverrides(raw, context.problems))) {
    const keyOf: KeyOf = (path) => raw.keyOf(['projects', 'overrides', project, ...path])
    const override = loadOverride(value, keyOf, raw.sites, roleOf, context)
    if (override) overrides.set(project, override)
  }
  return overrides
}

/** The sites that some project works on: as the general one they may leave out their provider. */
export function overriddenPublishSites(raw: RawConfig): string[] {
  const { projects } = raw.general
  const overrides = isRawObject(projects) && isRawObject(projects['overrides']) ? Object.values(projects['overrides']) : []
  return overrides.flatMap((value) => (isRawObject(value) && typeof value['publish_site'] === 'string' ? [value['publish_site']] : []))
}

function rawOverrides({ general: { projects }, keyOf }: RawConfig, problems: Problems): RawObject {
  const overrides = isRawObject(projects) ? projects['overrides'] : undefined
  if (isRawObject(overrides)) return overrides
  if (overrides !== undefined) problems.add(keyOf(['projects', 'overrides']), overrides, 'an object: an override for each project')
  return {}
}

function loadOverride(
  value: unknown,
  keyOf: KeyOf,
  generalSites: RawConfig['sites'],
  roleOf: RoleOf,
  context: PathContext,
): ProjectOverride | undefined {
  const { problems } = context
  if (!isRawObject(value)) {
    problems.add(keyOf([]), value, 'an object: what is different for this project')
    return undefined
  }
  warnOfUnknownKeys(value, Object.keys(overrideSchema.shape), keyOf, problems)
  const {
    enabled,
    publish_site: publishSite,
    remote_site: remoteSite,
    retry_cnt: retryCount,
    always_accessible_on: alwaysAccessibleOn,
    sources,
  } = parseWhatFits(plainKeys, value, keyOf, problems)
  const sites = loadSites(value['sites'], keyOf, generalSites, roleOf, context)
  return {
    ...(enabled !== undefined && { enabled }),
    ...(publishSite !== undefined && { publishSite }),
    ...(remoteSite !== undefined && { remoteSite }),
    ...(retryCount !== undefined && { retryCount }),
    ...(alwaysAccessibleOn !== undefined && { alwaysAccessibleOn }),
    ...(sources !== undefined && { sources }),
    ...sites,
  }
}

function loadSites(
  value: unknown,
  keyOf: KeyOf,
  generalSites: RawConfig['sites'],
  roleOf: RoleOf,
  context: PathContext,
): Pick<ProjectOverride, 'sites' | 'skipped'> | undefined {
  if (value === undefined) return undefined
  if (!isRawObject(value)) {
    context.problems.add(keyOf(['sites']), value, 'an object: a site for each name')
    return undefined
  }
  const sites = new Map<string, Site>()
  const skipped = new Map<string, SkippedSite>()
  for (const [name, own] of Object.entries(value)) {
    const merged = mergeSite(generalSites.get(name), { value: own, keyOf: (path) => keyOf(['sites', name, ...path]) })
    const loaded = loadSite(name, merged, roleOf(name), context)
    if (generalSites.has(name) && isRawObject(own) && own['bandwidth'] !== undefined) {
      context.problems.warn(
        `${merged.keyOf(['bandwidth'])} is not used: a site has one line for all projects, and its general definition counts`,
      )
    }
    if (loaded && 'site' in loaded) sites.set(name, loaded.site)
    else if (loaded) skipped.set(name, loaded.skipped)
  }
  return { sites, ...(skipped.size > 0 && { skipped }) }
}

import { LRUCache } from 'lru-cache'
import picomatch from 'picomatch'

import { atMost } from './at-most.ts'
import { isProjectName } from './project-name.ts'
import type { ProjectFilter, ProjectOverride, ProjectSettings, Settings } from './settings.ts'
import type { Site, SkippedSite } from './site.ts'

interface Compiled {
  readonly included: (project: string) => boolean
  readonly excluded: (project: string) => boolean
  readonly projects: LRUCache<string, ProjectSettings>
}

/** Whoever may write to the database may create, and drop, collections without end. */
const MAX_PROJECTS = 10_000

const compiledBySettings = new WeakMap<Settings, Compiled>()

/** What holds for one project (a collection of the owner's database). */
export function projectSettings(settings: Settings, project: string): ProjectSettings {
  const compiled = compile(settings)
  const known = compiled.projects.get(project)
  if (known) return known
  const resolved = resolve(settings, compiled, project)
  compiled.projects.set(project, resolved)
  return resolved
}

/** The projects that are served, as globs. */
export function servedProjects({ projects: { include, exclude, overrides } }: Settings): Pick<ProjectFilter, 'include' | 'exclude'> {
  const off = [...overrides].flatMap(([name, { enabled }]) => (enabled === false ? [name] : []))
  return { include, exclude: [...exclude, ...off] }
}

/** Does an instance serve a project that says this of itself? */
export function projectMatcher({ include, exclude }: Pick<ProjectFilter, 'include' | 'exclude'>): (project: string) => boolean {
  const [included, excluded] = [anyOf(include), anyOf(exclude)]
  return (project) => included(project) && !excluded(project)
}

/** A site by its name: as declared in general, else as the first project declares it that does. */
export function siteNamed({ sites, projects }: Pick<Settings, 'sites' | 'projects'>, name: string): Site | undefined {
  const general = sites.get(name)
  if (general) return general
  for (const override of projects.overrides.values()) {
    const own = override.sites?.get(name)
    if (own) return own
  }
  return undefined
}

/** Does this instance send files to a site of this name? */
export function servesSite({ serve }: Pick<Settings, 'serve'>, site: string): boolean {
  return serve === undefined || anyOf(serve)(site)
}

/** The sites that files come from, in one project or another. */
export function publishSites({ publishSite, projects }: Settings): readonly string[] {
  return [...new Set([publishSite, ...[...projects.overrides.values()].flatMap((override) => override.publishSite ?? [])])]
}

function compile(settings: Settings): Compiled {
  const known = compiledBySettings.get(settings)
  if (known) return known
  const { include, exclude } = settings.projects
  const compiled = {
    included: anyOf(include),
    excluded: anyOf(exclude),
    projects: new LRUCache<string, ProjectSettings>(atMost(MAX_PROJECTS)),
  }
  compiledBySettings.set(settings, compiled)
  return compiled
}

function resolve(settings: Settings, { included, excluded }: Compiled, project: string): ProjectSettings {
  const override = settings.projects.overrides.get(project)
  const sites = sitesOf(settings, override)
  const alwaysAccessibleOn = override?.alwaysAccessibleOn ?? settings.alwaysAccessibleOn
  const sources = override?.sources ?? settings.sources
  const notServed = new Set([...sites.sites.keys()].filter((name) => !servesSite(settings, name)))
  return {
    enabled: isProjectName(project) && included(project) && !excluded(project) && override?.enabled !== false,
    localId: settings.localId,
    ...(settings.documentRoots && { documentRoots: settings.documentRoots }),
    publishSite: override?.publishSite ?? settings.publishSite,
    remoteSite: override?.remoteSite ?? settings.remoteSite,
    retryCount: override?.retryCount ?? settings.retryCount,
    ...(alwaysAccessibleOn && { alwaysAccessibleOn }),
    ...sites,
    ...(notServed.size > 0 && { notServed }),
    ...(sources && { sources }),
    ...(settings.rootsFromProject === true && { rootsFromProject: true }),
  }
}

/** A site may be skipped in general and used by a project, or the other way about. */
function sitesOf(settings: Settings, override: ProjectOverride | undefined): Pick<ProjectSettings, 'sites' | 'skipped'> {
  const { sites, skipped = new Map<string, SkippedSite>() } = settings
  const { sites: own = new Map<string, Site>(), skipped: ownSkipped = new Map<string, SkippedSite>() } = override ?? {}
  if (own.size + ownSkipped.size === 0) return { sites, ...(skipped.size > 0 && { skipped }) }
  const left = [...skipped, ...ownSkipped].filter(([name]) => !own.has(name))
  return {
    sites: new Map([...sites, ...own].filter(([name]) => !ownSkipped.has(name))),
    ...(left.length > 0 && { skipped: new Map(left) }),
  }
}

/** A pattern also means itself to the letter, so that names such as `show[2]` can be given as they are. */
export function anyOf(patterns: ProjectFilter['include']): (project: string) => boolean {
  const literal = new Set(patterns)
  const globs = patterns
    .filter((pattern) => pattern !== '')
    .map((pattern) => picomatch(pattern, { dot: true, bash: true, windows: false, flags: 's' }))
  return (project) => literal.has(project) || globs.some((matches) => matches(project))
}

import type { WideScope } from './selection.ts'
import { shellWord } from './shell-word.ts'
import { sourcesIn, type Transfer } from './transfer.ts'

/** Somebody's word that everything, a project, a site, or a site in a project is left alone. */
export interface Pause extends WideScope {
  readonly who: string
  readonly since: Date
  /** Undefined: until somebody resumes it. */
  readonly until?: Date
  readonly why?: string
  /** Nobody has paused it: its bandwidth is none at this time of the day. */
  readonly isClosed?: true
}

/** The pauses that hold at one moment, and what they hold back. A site is left alone at both ends: nothing goes there, nothing comes from there. */
export class Pauses {
  static readonly NONE = new Pauses([])
  readonly all: readonly Pause[]

  constructor(all: readonly Pause[]) {
    this.all = all
  }

  /** What holds this site in this project, the widest first. */
  holding(project: string | undefined, site: string): Pause | undefined {
    const holding = this.all.filter(
      (pause) => (pause.project === undefined || pause.project === project) && (pause.site === undefined || pause.site === site),
    )
    return holding.toSorted((a, b) => Object.keys(scopeOf(a)).length - Object.keys(scopeOf(b)).length)[0]
  }

  /** Why a transfer can't begin: its target is paused, or every site that it could come from. */
  heldBy({ project, site, route }: Transfer): Pause | undefined {
    if (this.all.length === 0) return undefined
    const atTarget = this.holding(project, site)
    if (atTarget || 'error' in route) return atTarget
    const atSources = sourcesIn(route).map(({ sourceSite }) => this.holding(project, sourceSite.name))
    return atSources.every((pause) => pause !== undefined) ? atSources[0] : undefined
  }

  /** Why a transfer that runs is to end: its target is paused, or the site that it comes from, although it may go on from another. */
  stopping(transfer: Transfer): Pause | undefined {
    const { project, site, route } = transfer
    if (this.all.length === 0) return undefined
    return this.holding(project, site) ?? ('error' in route ? undefined : this.holding(project, route.sourceSite.name))
  }

  /** The same copy from sites that are not paused; as it is where all of them are. */
  withoutPaused(transfer: Transfer): Transfer {
    const { project, route } = transfer
    if (this.all.length === 0 || 'error' in route || !route.otherSources?.length) return transfer
    const [first, ...otherSources] = sourcesIn(route).filter(({ sourceSite }) => !this.holding(project, sourceSite.name))
    return first ? { ...transfer, route: { ...route, ...first, otherSources } } : transfer
  }
}

/** One text a scope. */
export function scopeKey({ project, site }: WideScope): string {
  return JSON.stringify([project ?? null, site ?? null])
}

/** Is a scope a part of another, or the same? */
export function isWithin(scope: WideScope, other: WideScope): boolean {
  return (other.project === undefined || scope.project === other.project) && (other.site === undefined || scope.site === other.site)
}

const meets = (a: string | undefined, b: string | undefined): boolean => a === undefined || b === undefined || a === b

/** Have they something in common? */
export function overlaps(scope: WideScope, other: WideScope): boolean {
  return meets(scope.project, other.project) && meets(scope.site, other.site)
}

/** What a scope is, for a person. */
export function scopeText({ project, site }: WideScope): string {
  if (project === undefined && site === undefined) return 'everything'
  const ofSite = site === undefined ? undefined : `site ${JSON.stringify(site)}`
  const ofProject = project === undefined ? undefined : `project ${JSON.stringify(project)}`
  return [ofSite, ofProject].filter((text) => text !== undefined).join(' in ')
}

/** What is paused, until when, by whom and why. */
export function pauseText(pause: Pause): string {
  const { until, who, why, isClosed } = pause
  const end = until === undefined ? '' : ` until ${until.toISOString()}`
  if (isClosed === true) return `${scopeText(pause)} is closed${end} by its "bandwidth"`
  return `${scopeText(pause)} is paused${end} by ${who}${why === undefined ? '' : `: ${why}`}`
}

/** What to type to end it; undefined where only the configuration does. */
export function resumeCommand({ project, site, isClosed }: Pause): string | undefined {
  if (isClosed === true) return undefined
  const words = [...(project === undefined ? [] : [`--project=${project}`]), ...(site === undefined ? [] : [`--site=${site}`])]
  return `site-sync resume ${words.length === 0 ? '--all' : words.map(shellWord).join(' ')}`
}

/** The scope alone. */
export function scopeOf({ project, site }: WideScope): WideScope {
  return { ...(project !== undefined && { project }), ...(site !== undefined && { site }) }
}

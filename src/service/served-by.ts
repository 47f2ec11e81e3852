import type { Explanation } from '../model/explanation.ts'
import { projectMatcher } from '../model/project-settings.ts'
import type { HeardReport } from '../streams/state-database.ts'

/** Files that somebody has to do something about, or wait for. */
const WAITING: ReadonlySet<Explanation['state']> = new Set(['pending', 'no-source', 'exhausted', 'bad-tries', 'paused', 'misconfigured'])
/** Instances that are named. */
const MOST_NAMED = 3

/** Adds who sends files to the site, where that is not what is asked, or nobody at all. */
export function withServing(
  explanation: Explanation,
  project: string,
  reports: readonly HeardReport[],
  notServed: ReadonlySet<string>,
): Explanation {
  const { site, state } = explanation
  if (!WAITING.has(state)) return explanation
  const serving = reports.filter((report) => serves(report, project, site)).map(({ _id }) => _id)
  const reason = explanation.reason.replace(/\.$/, '')
  if (notServed.has(site)) return { ...explanation, reason: `${reason}; ${elsewhere(serving)}` }
  const isLeft = state === 'pending' && serving.length === 0
  return isLeft ? { ...explanation, reason: `${reason}; no running instance serves the site` } : explanation
}

function elsewhere(serving: readonly string[]): string {
  if (serving.length === 0) return 'neither this configuration ("serve") nor a running instance serves the site: nothing is sent there'
  const more = serving.length > MOST_NAMED ? ` and ${serving.length - MOST_NAMED} more` : ''
  const names = serving.slice(0, MOST_NAMED).join(', ')
  return `this configuration does not serve the site ("serve"), ${names}${more} ${serving.length === 1 ? 'does' : 'do'}`
}

function serves({ sites, projects }: HeardReport, project: string, name: string): boolean {
  const served = sites.some(({ site, served: isServed, state }) => site === name && isServed !== false && state !== 'misconfigured')
  return served && (projects === undefined || projectMatcher(projects)(project))
}

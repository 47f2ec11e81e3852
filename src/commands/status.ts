import { pauseText } from '../model/pauses.ts'
import type { Settings } from '../model/settings.ts'
import { pageLink, pageText } from '../service/page-link.ts'
import { projectCounts, sitesOverview, type SiteCounts, type SiteOverview, type SitesOverview } from '../service/overview.ts'
import type { ConfigOption, ExitCode } from './command-line.ts'
import { assertProject, inspect } from './inspect.ts'
import { liveStatus } from './live-status/live-status.ts'
import { print, printJson, printTable } from './output.ts'
import { isScreen } from './screen.ts'

export interface StatusOptions extends ConfigOption {
  readonly json: boolean
  readonly once: boolean
  readonly project?: string
}

/** `status`: how everything is doing, as the database and the instances say; on a terminal live. */
export async function statusCommand(options: StatusOptions): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async (inspection) => {
    await assertProject(inspection, options.project)
    if (!options.json && !options.once && isScreen()) {
      await liveStatus(inspection, options.project)
      return 0
    }
    const overview = await sitesOverview(inspection)
    const projects = await projectCounts(inspection, options.project)
    if (options.json)
      printJson({ ...overview, closed: overview.closed.map(({ site, since, until }) => ({ site, since, until })), projects })
    else show({ ...overview, projects, settings: inspection.settings })
    return 0
  })
}

interface Shown extends SitesOverview {
  readonly projects: readonly SiteCounts[]
  readonly settings: Settings
}

function show({ instances, pauses, closed, sites, projects, settings }: Shown): void {
  if (settings.remoteSite === '') {
    print('"remote_site" is empty: nothing is synced.')
    print('')
  }
  print(
    instances.length === 0
      ? 'No instance is running.'
      : `Instances: ${instances.map(({ _id, stream, streamFault }) => `${_id} (change stream ${stream}${streamFault === undefined ? '' : `: ${streamFault}`})`).join(', ')}`,
  )
  const page = pageLink(instances)
  if (page) print(`Page: ${pageText(page)}`)
  for (const pause of pauses) print(`Paused since ${pause.since.toISOString()}: ${pauseText(pause)}.`)
  for (const each of closed) print(`Closed since ${each.since.toISOString()}: ${pauseText(each)}.`)
  print('')
  printTable(['site', 'provider', 'state', 'running', 'queued', 'why'], sites.map(siteRow))
  print('')
  const rows = projects.map(({ project, site, pending, failed, exhausted, paused }) =>
    [project, site, pending, failed, exhausted, paused].map(String),
  )
  if (rows.length === 0) print('No project has anything to sync.')
  else printTable(['project', 'site', 'pending', 'failed', 'exhausted', 'paused'], rows)
}

function siteRow({ site, provider = '', misconfigured, skipped, instances }: SiteOverview): string[] {
  if (skipped !== undefined && instances.length === 0) return [site, provider, 'skipped', '', '', skipped]
  const worst = instances.find(({ state }) => state !== 'ok') ?? instances.find(({ error }) => error !== undefined) ?? instances[0]
  const state = misconfigured === undefined ? (worst?.state ?? 'idle') : 'misconfigured'
  const until = worst?.until ? ` (until ${new Date(worst.until).toISOString()})` : ''
  const sum = (of: 'running' | 'queued'): string => String(instances.reduce((total, instance) => total + instance[of], 0))
  return [site, provider, state, sum('running'), sum('queued'), misconfigured ?? (worst?.error === undefined ? '' : worst.error + until)]
}

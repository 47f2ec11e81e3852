import { closedSites } from '../model/closed-sites.ts'
import { pauseText, type Pause } from '../model/pauses.ts'
import { projectSettings } from '../model/project-settings.ts'
import { ownSites } from '../model/sources.ts'
import { examine, targetSites } from '../model/verdict.ts'
import { idText, type RepresentationDocument } from '../model/document.ts'
import { collectionNames, scanProject } from '../streams/scan.ts'
import type { ReportedSite } from '../streams/state-database.ts'
import type { ConfigOption, ExitCode } from './command-line.ts'
import { inspect, type Inspection } from './inspect.ts'
import { print, printJson, printTable } from './output.ts'

export interface SiteCounts {
  readonly project: string
  readonly site: string
  /** To be sent, failed ones included. */
  pending: number
  /** Of these, failed at least once. */
  failed: number
  /** No tries left. */
  exhausted: number
  paused: number
}

/** `status`: how everything is doing, as the database and the instances say. */
export async function statusCommand(options: ConfigOption & { readonly json: boolean; readonly project?: string }): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async (inspection) => {
    const { settings, state, controls, misconfigured } = inspection
    const instances = await state.reports(settings.mongo.database)
    const pauses = await controls.pauses()
    const closed = closedSites(settings, new Date())
    const projects: SiteCounts[] = []
    for await (const counts of countAll(inspection, options.project)) projects.push(...counts)
    const sites = [...settings.sites.values()].map(({ name, provider }) => ({
      site: name,
      provider,
      ...(misconfigured.has(name) && { misconfigured: misconfigured.get(name)?.message }),
      instances: instances.flatMap(({ _id, sites: reported }) =>
        reported.filter(({ site }) => site === name).map((site) => ({ ...site, instance: _id })),
      ),
    }))
    const skipped = [...(settings.skipped?.values() ?? [])].map(({ name, provider, reason }) => ({
      site: name,
      ...(provider !== undefined && { provider }),
      skipped: reason,
      instances: [],
    }))
    if (options.json)
      printJson({
        instances: instances.map(({ sites: _sites, ...instance }) => instance),
        pauses,
        closed: closed.map(({ site, since, until }) => ({ site, since, until })),
        sites: [...sites, ...skipped],
        projects,
      })
    else show({ instances, pauses, closed, sites: [...sites, ...skipped], projects, settings })
    return 0
  })
}

async function* countAll({ settings, db, misconfigured }: Inspection, only: string | undefined): AsyncGenerator<SiteCounts[]> {
  for (const project of await collectionNames(db)) {
    const own = projectSettings(settings, project)
    if ((only !== undefined && project !== only) || targetSites(own).length === 0) continue
    const counts = new Map(
      targetSites(own).map(({ name }): [string, SiteCounts] => [
        name,
        { project, site: name, pending: 0, failed: 0, exhausted: 0, paused: 0 },
      ]),
    )
    const seen = new Set<string>()
    // Also those whose tries are used up.
    const all = { ...own, retryCount: Number.MAX_SAFE_INTEGER }
    const request = { unreadable: false, wants: (_site: string, urgent: boolean) => !urgent }
    for await (const documents of scanProject(db, project, all, request, new AbortController().signal)) {
      for (const document of documents) if (!seen.has(idText(document._id))) count(document)
    }
    const mine = ownSites(own)
    yield [...counts.values()].filter((of) => !mine.includes(of.site) || of.pending + of.exhausted + of.paused > 0)

    function count(document: RepresentationDocument): void {
      seen.add(idText(document._id))
      for (const { site, state, record } of examine(document, project, own, misconfigured).verdicts) {
        const of = counts.get(site)
        if (!of) continue
        if (state === 'pending' || state === 'misconfigured') of.pending++
        if (state === 'pending' && record?.error !== undefined) of.failed++
        if (state === 'exhausted') of.exhausted++
        if (state === 'paused') of.paused++
      }
    }
  }
}

interface Shown {
  readonly instances: readonly { readonly _id: string; readonly stream: string; readonly streamFault?: string; readonly heard: Date }[]
  readonly sites: readonly {
    readonly site: string
    readonly provider?: string
    readonly misconfigured?: string | undefined
    readonly skipped?: string
    readonly instances: readonly ReportedSite[]
  }[]
  readonly projects: readonly SiteCounts[]
  readonly pauses: readonly Pause[]
  readonly closed: readonly Pause[]
  readonly settings: Inspection['settings']
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

function siteRow({ site, provider = '', misconfigured, skipped, instances }: Shown['sites'][number]): string[] {
  if (skipped !== undefined) return [site, provider, 'skipped', '', '', skipped]
  const worst = instances.find(({ state }) => state !== 'ok') ?? instances.find(({ error }) => error !== undefined) ?? instances[0]
  const state = misconfigured === undefined ? (worst?.state ?? 'idle') : 'misconfigured'
  const until = worst?.until ? ` (until ${new Date(worst.until).toISOString()})` : ''
  const sum = (of: 'running' | 'queued'): string => String(instances.reduce((total, instance) => total + instance[of], 0))
  return [site, provider, state, sum('running'), sum('queued'), misconfigured ?? (worst?.error === undefined ? '' : worst.error + until)]
}

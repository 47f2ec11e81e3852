import { ObjectId } from 'mongodb'

import { closedSites } from '../model/closed-sites.ts'
import { idText, type RepresentationDocument } from '../model/document.ts'
import type { Pause } from '../model/pauses.ts'
import { projectSettings } from '../model/project-settings.ts'
import { recordState } from '../model/record-state.ts'
import { ownSites } from '../model/sources.ts'
import { examine, targetSites } from '../model/verdict.ts'
import { collectionNames, scanProject } from '../streams/scan.ts'
import type { HeardReport, ReportedSite } from '../streams/state-database.ts'
import type { Inspection } from './inspection.ts'
import { sitesByName, skippedByName } from './site-check.ts'

/** How much there is to do for a site in a project. */
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
  /** When the oldest representation was made that has a pending file, by its id. */
  oldest?: Date
}

/** A site as it is configured here, and how it is doing at each instance. */
export interface SiteOverview {
  readonly site: string
  readonly provider?: string
  readonly misconfigured?: string
  /** Why it is not for this machine; other instances may have it all the same. */
  readonly skipped?: string
  readonly instances: readonly (ReportedSite & { readonly instance: string })[]
}

export interface SitesOverview {
  readonly instances: readonly Omit<HeardReport, 'sites' | 'watched' | 'running' | 'speeds'>[]
  readonly pauses: readonly Pause[]
  /** Sites that their `bandwidth` closes at this time. */
  readonly closed: readonly Pause[]
  readonly sites: readonly SiteOverview[]
}

/** The sites, as the configuration and all instances say. */
export async function sitesOverview({ settings, state, controls, misconfigured }: Inspection): Promise<SitesOverview> {
  const [reports, pauses] = await Promise.all([state.reports(settings.mongo.database), controls.pauses()])
  const declared = sitesByName(settings)
  const instancesOf = (name: string): SiteOverview['instances'] =>
    reports.flatMap(({ _id, sites }) => sites.filter(({ site }) => site === name).map((site) => ({ ...site, instance: _id })))
  const sites = [...declared.values()].map(({ name, provider }): SiteOverview => {
    const mistake = misconfigured.get(name)
    return {
      site: name,
      provider,
      ...(mistake && { misconfigured: mistake.message }),
      instances: instancesOf(name),
    }
  })
  // A project may use what is skipped in general.
  const left = [...skippedByName(settings).values()].filter(({ name }) => !declared.has(name))
  const skipped = left.map(({ name, provider, reason }): SiteOverview => ({
    site: name,
    ...(provider !== undefined && { provider }),
    skipped: reason,
    instances: instancesOf(name),
  }))
  return {
    instances: reports.map(({ sites: _sites, watched: _watched, running: _running, speeds: _speeds, ...instance }) => instance),
    pauses,
    closed: closedSites(settings, new Date()),
    sites: [...sites, ...skipped],
  }
}

/** What is to be done in each project, or in one. Reads everything that is open; the server gives up a query after `maxTimeMs`. */
export async function projectCounts(
  inspection: Inspection,
  only?: string,
  signal: AbortSignal = new AbortController().signal,
  maxTimeMs?: number,
): Promise<readonly SiteCounts[]> {
  const all: SiteCounts[] = []
  for (const project of await collectionNames(inspection.db)) {
    if (only === undefined || project === only) all.push(...(await countProject(inspection, project, signal, maxTimeMs)))
  }
  return all
}

async function countProject(
  { settings, db, misconfigured }: Inspection,
  project: string,
  signal: AbortSignal,
  maxTimeMs: number | undefined,
): Promise<readonly SiteCounts[]> {
  const own = projectSettings(settings, project)
  if (targetSites(own).length === 0) return []
  const counts = new Map(
    targetSites(own).map(({ name }): [string, SiteCounts] => [
      name,
      { project, site: name, pending: 0, failed: 0, exhausted: 0, paused: 0 },
    ]),
  )
  const seen = new Set<string>()
  // Also those whose tries are used up.
  const all = { ...own, retryCount: Number.MAX_SAFE_INTEGER }
  const request = { ...(maxTimeMs !== undefined && { maxTimeMs }), unreadable: false, wants: (_site: string, urgent: boolean) => !urgent }
  for await (const documents of scanProject(db, project, all, request, signal)) {
    for (const document of documents) if (!seen.has(idText(document._id))) count(document)
  }
  const mine = ownSites(own)
  return [...counts.values()].filter((of) => !mine.includes(of.site) || of.pending + of.exhausted + of.paused > 0)

  function count(document: RepresentationDocument): void {
    seen.add(idText(document._id))
    const made = document._id instanceof ObjectId ? document._id.getTimestamp() : undefined
    for (const { site, state, record } of examine(document, project, own, misconfigured).verdicts) {
      const of = counts.get(site)
      if (!of) continue
      if (state === 'pending' || state === 'misconfigured') {
        of.pending++
        if (made && (!of.oldest || made < of.oldest)) of.oldest = made
      }
      if (state === 'pending' && record && recordState(record, own.retryCount) === 'failed') of.failed++
      if (state === 'exhausted') of.exhausted++
      if (state === 'paused') of.paused++
    }
  }
}

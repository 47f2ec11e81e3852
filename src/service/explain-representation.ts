import { alternativesOf } from '../model/alternatives.ts'
import { idPlain, type RepresentationDocument } from '../model/document.ts'
import { closedSites } from '../model/closed-sites.ts'
import { explainDocument, type Explanation } from '../model/explanation.ts'
import { Pauses, pauseText, resumeCommand, type Pause } from '../model/pauses.ts'
import { projectSettings } from '../model/project-settings.ts'
import { countingSites } from '../model/verdict.ts'
import { NAMES } from '../streams/listing.ts'
import { ProjectRoots } from '../streams/project-roots.ts'
import { findRepresentation } from '../streams/selected.ts'
import { collectionNames } from '../streams/scan.ts'
import type { Inspection } from './inspection.ts'
import { pageLink, type PageLink } from './page-link.ts'
import { withServing } from './served-by.ts'
import { sourceRemark } from './source-remark.ts'

/** Of so many files at most their sources are looked at. */
const MOST_REMARKS = 500

export interface ExplainedRepresentation {
  readonly project: string
  readonly document: RepresentationDocument
  readonly remarks: readonly string[]
  /** One a file and site. */
  readonly files: readonly Explanation[]
  /** Where a page shows it now. */
  readonly page?: PageLink
}

/** Why the files of one representation are, or are not, synced; undefined when there is no such representation. */
export async function explainRepresentation(
  inspection: Inspection,
  representation: string,
  only?: string,
): Promise<ExplainedRepresentation | undefined> {
  const { settings, misconfigured, state, controls, db, providers } = inspection
  const found = await find(inspection, representation, only)
  if (!found) return undefined
  const { project, document } = found
  const roots = new ProjectRoots({ db, settings })
  await roots.prepare(project)
  // Also of sites that are left to other instances.
  const { notServed = new Set<string>(), ...everywhere } = roots.settingsOf(project)
  const { remarks, explanations, transfers } = explainDocument(document, project, everywhere, misconfigured)
  const [reports, pauses] = await Promise.all([state.reports(settings.mongo.database), controls.pauses()])
  const holding = new Pauses([...pauses, ...closedSites(settings, new Date())])
  const files = await Promise.all(
    explanations.map(async (explanation, n) => {
      const transfer = transfers[n]
      const waits = { ...explanation, ...cooling(explanation, reports) }
      const held = withServing(paused(waits, transfer && holding.heldBy(transfer)), project, reports, notServed)
      return { ...held, reason: held.reason + (n < MOST_REMARKS ? await sourceRemark(transfer, providers) : '') }
    }),
  )
  const page = pageLink(reports, { project, id: idPlain(document._id) })
  return { project, document, remarks, files, ...(page && { page }) }
}

async function find(
  { db, settings }: Inspection,
  representation: string,
  only: string | undefined,
): Promise<Pick<ExplainedRepresentation, 'project' | 'document'> | undefined> {
  for (const project of only === undefined ? await collectionNames(db) : [only]) {
    const own = projectSettings(settings, project)
    const names = countingSites(own).flatMap((site) => [site, ...alternativesOf(own, site)])
    const document = await findRepresentation(db, project, representation, [...names, ...(own.skipped?.keys() ?? [])], NAMES)
    if (document) return { project, document }
  }
  return undefined
}

/** A pending file waits also when its site is left alone. */
function cooling(
  { site, state, reason }: Explanation,
  reports: readonly { readonly sites: readonly { site: string; state: string; error?: string; until?: Date }[] }[],
): Partial<Explanation> {
  if (state !== 'pending') return {}
  const trouble = reports.flatMap(({ sites }) => sites).find((reported) => reported.site === site && reported.state === 'cooling')
  if (!trouble) return {}
  return { reason: `${reason} The site is left alone until ${trouble.until?.toISOString() ?? 'later'}: ${trouble.error ?? ''}` }
}

/** A pending file waits also for the end of a pause of its site, its project or everything; nothing in its document mends that. */
function paused(explanation: Explanation, pause: Pause | undefined): Explanation {
  if (explanation.state !== 'pending' || !pause) return explanation
  const { fix: _fix, command: _command, ...rest } = explanation
  const command = resumeCommand(pause)
  return { ...rest, reason: `${pauseText(pause)}. It is ${rest.reason}`, ...(command !== undefined && { command }) }
}

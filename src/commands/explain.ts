import type { RepresentationDocument } from '../model/document.ts'
import { explainDocument, type Explanation } from '../model/explanation.ts'
import { closedSites } from '../model/closed-sites.ts'
import { Pauses, pauseText, resumeCommand, type Pause } from '../model/pauses.ts'
import { projectSettings } from '../model/project-settings.ts'
import { countingSites } from '../model/verdict.ts'
import { ProjectRoots } from '../streams/project-roots.ts'
import { readDocument } from '../streams/raw-document.ts'
import { collectionNames } from '../streams/scan.ts'
import { wantedFields } from '../streams/projection.ts'
import { representationFilter } from '../streams/selected.ts'
import type { ConfigOption, ExitCode } from './command-line.ts'
import { inspect, type Inspection } from './inspect.ts'
import { complain, print, printCommand, printJson } from './output.ts'
import { sourceRemark } from './source-remark.ts'

/** `explain`: why the files of one representation are, or are not, synced. Exits with 1 when there is no such representation. */
export async function explainCommand(
  id: string,
  options: ConfigOption & { readonly json: boolean; readonly project?: string },
): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async (inspection) => {
    const { settings, misconfigured, state, controls } = inspection
    const found = await find(inspection, id, options.project)
    if (!found) {
      const where = options.project ?? `any project of database ${settings.mongo.database}`
      complain(`there is no representation ${JSON.stringify(id)} in ${JSON.stringify(where)}`)
      return 1
    }
    const { project, document } = found
    const roots = new ProjectRoots({ db: inspection.db, settings })
    await roots.prepare(project)
    const explained = explainDocument(document, project, roots.settingsOf(project), misconfigured)
    const { remarks, transfers } = explained
    const reports = await state.reports(settings.mongo.database)
    const pauses = new Pauses([...(await controls.pauses()), ...closedSites(settings, new Date())])
    const lines = await Promise.all(
      explained.explanations.map(async (explanation, n) => {
        const transfer = transfers[n]
        const waits = { ...explanation, ...cooling(explanation, reports) }
        const held = paused(waits, transfer && pauses.heldBy(transfer))
        return { ...held, reason: held.reason + (await sourceRemark(transfer, inspection.providers)) }
      }),
    )
    if (options.json) printJson({ project, representation: id, remarks, files: lines })
    else {
      print(`${project}: representation ${id}`)
      for (const remark of remarks) print(`  ${remark}`)
      for (const { path, site, state: is, reason, fix, command } of lines) {
        print(`  ${path} → ${site}: ${is}: ${reason}`)
        if (command !== undefined) printCommand(command)
        if (fix !== undefined) printCommand(fix)
      }
    }
    return 0
  })
}

async function find(
  { db, settings }: Inspection,
  id: string,
  only: string | undefined,
): Promise<{ project: string; document: RepresentationDocument } | undefined> {
  for (const project of only === undefined ? await collectionNames(db) : [only]) {
    const own = projectSettings(settings, project)
    const sites = [...countingSites(own), ...(own.skipped?.keys() ?? [])]
    const bytes: unknown = await db.collection(project).findOne(representationFilter(id), { projection: wantedFields(sites), raw: true })
    if (bytes instanceof Uint8Array) return { project, document: readDocument(bytes) }
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

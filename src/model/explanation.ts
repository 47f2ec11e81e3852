import { fileEntries, idPlain, type RepresentationDocument } from './document.ts'
import { MendCommands } from './mend-commands.ts'
import { ADD, RESET, RESUME, RETRY, takesRecords, type RecordEdit } from './record-edit.ts'
import { displayPath } from './root-path.ts'
import { readSites } from './site-record.ts'
import { shellWord } from './shell-word.ts'
import type { ProjectSettings } from './settings.ts'
import { ownSites } from './sources.ts'
import { isPerhapsElsewhere, type Transfer } from './transfer.ts'
import { examine, targetSites, type Verdict } from './verdict.ts'

/** Why one file is, or is not, on one site, for a person. */
export interface Explanation {
  readonly path: string
  readonly site: string
  readonly state: Verdict['state'] | 'skipped'
  readonly reason: string
  /** What to type to mend it, in the MongoDB shell; undefined when there is nothing to mend. */
  readonly fix?: string
  /** The same by a command of ours, for all files of the representation at that site. */
  readonly command?: string
}

export interface ExplainedDocument {
  /** What holds for the whole document: switched off, not a representation, not readable. */
  readonly remarks: readonly string[]
  readonly explanations: readonly Explanation[]
  /** What is to be done about each of them; undefined, or missing, where nothing is. */
  readonly transfers: readonly (Transfer | undefined)[]
}

/** In the order of the document; the reasons in the order in which one would look for them. */
export function explainDocument(
  document: RepresentationDocument,
  project: string,
  settings: ProjectSettings,
  misconfigured: ReadonlyMap<string, { readonly message: string }>,
): ExplainedDocument {
  const { verdicts, unreadable } = examine(document, project, settings, misconfigured)
  const shell = new MendCommands(document, project)
  return {
    remarks: [...remarks(document, settings), ...unreadable.map((what) => `not understood, left as it is: ${what}`)],
    explanations: [
      ...verdicts.map((verdict) => ({
        path: verdict.path,
        site: verdict.site,
        state: verdict.state,
        ...withFix(explain(verdict, verdicts, settings, misconfigured), verdict, document, project, shell),
      })),
      ...explainUnasked(document, project, settings, shell),
      ...explainSkipped(document, settings),
    ],
    transfers: verdicts.map(({ transfer }) => transfer),
  }
}

/** Files without a record of any site: nothing is to be done for them, so nobody else says anything of them. */
function explainUnasked(
  document: RepresentationDocument,
  project: string,
  settings: ProjectSettings,
  shell: MendCommands,
): readonly Explanation[] {
  if (document.type !== 'representation') return []
  const own = ownSites(settings)
  const targets = targetSites(settings).filter(({ name }) => !own.includes(name))
  return fileEntries(document).flatMap(({ _id: fileId, path, sites }) => {
    if (typeof path !== 'string' || !isWithoutRecords(sites)) return []
    // Where a record can't be added, no command helps.
    const canBeAdded = takesRecords(sites) && fileId !== undefined && fileId !== null
    return targets.map(({ name: site }): Explanation => {
      const verdict = { path, fileId, site, state: 'no-record', record: undefined } as const
      const { edit, reason } = explain(verdict, [], settings, new Map())
      const explained = canBeAdded && edit ? { reason, edit } : { reason }
      return { path, site, state: verdict.state, ...withFix(explained, verdict, document, project, shell) }
    })
  })
}

function isWithoutRecords(sites: unknown): boolean {
  const { records, unreadable } = readSites(sites)
  return records.size === 0 && unreadable.length === 0
}

/** Records of sites that are not for this machine: another may serve them. */
function explainSkipped(document: RepresentationDocument, { skipped }: ProjectSettings): readonly Explanation[] {
  if (!skipped) return []
  return fileEntries(document).flatMap((file) => {
    const { records } = readSites(file['sites'])
    const wanted = [...skipped.values()].filter(({ name, documentsServe }) => records.has(name) && !documentsServe)
    const path = String(file['path'])
    return wanted.map(({ name: site, reason }) => ({ path, site, state: 'skipped', reason: `skipped on this machine: ${reason}` }) as const)
  })
}

function remarks({ type, files }: RepresentationDocument, settings: ProjectSettings): readonly string[] {
  if (type !== 'representation') return [`its type is ${JSON.stringify(type)}: only "representation" is synced`]
  if (!settings.enabled) return ['its project is not enabled: see "projects" in the configuration']
  if (settings.remoteSite === '') return ['"remote_site" is empty: nothing is synced']
  if (settings.remoteSite === settings.publishSite)
    return [`"remote_site" and "publish_site" are both ${JSON.stringify(settings.publishSite)}: nothing is synced`]
  const own = settings.skipped?.get(settings.publishSite)
  if (own?.documentsServe === false) return [`the publish site ${JSON.stringify(own.name)} is skipped on this machine: ${own.reason}`]
  if (targetSites(settings).length === 0) return ['the configuration has no site to sync to']
  return Array.isArray(files) && files.length > 0 ? [] : ['it has no files']
}

/** Each file has an id of its own at a site; a program that writes one record to several files gives them all the same. */
function fileWithSameId({ path, site, record }: Verdict, all: readonly Verdict[]): string | undefined {
  const id = record?.snapshot.id
  if (id === undefined || id === null) return undefined
  return all.find((other) => other.site === site && other.path !== path && other.record?.snapshot.id === id)?.path
}

interface Explained extends Pick<Explanation, 'reason'> {
  readonly edit?: RecordEdit
}

const COMMANDS: ReadonlyMap<RecordEdit, string> = new Map([
  [RETRY, 'retry'],
  [RESET, 'reset'],
  [ADD, 'add-site'],
  [RESUME, 'resume'],
])

function withFix(
  { edit, ...explained }: Explained,
  verdict: Verdict,
  { _id }: RepresentationDocument,
  project: string,
  shell: MendCommands,
): Pick<Explanation, 'reason' | 'fix' | 'command'> {
  if (!edit) return explained
  const words = [COMMANDS.get(edit) ?? '', `--project=${project}`, `--site=${verdict.site}`, '--', idPlain(_id)]
  return { ...explained, fix: shell.line(verdict, edit), command: `site-sync ${words.map(shellWord).join(' ')}` }
}

function explain(
  verdict: Verdict,
  all: readonly Verdict[],
  { retryCount, publishSite, alwaysAccessibleOn = [] }: ProjectSettings,
  misconfigured: ReadonlyMap<string, { readonly message: string }>,
): Explained {
  const { record, transfer } = verdict
  const said = record?.error === undefined ? '' : `; last error: ${record.error}`
  switch (verdict.state) {
    case 'no-record':
      return {
        reason: `no record of this site: ${alwaysAccessibleOn.includes(verdict.site) ? askedOnce(publishSite) : 'nobody asked for it'}`,
        edit: ADD,
      }
    case 'synced': {
      const other = fileWithSameId(verdict, all)
      const doubt = other === undefined ? '' : `, but with the id of ${JSON.stringify(other)}, from which it was copied: it may be absent`
      return {
        reason: `synced ${dateOf(record?.snapshot.created_dt)}${doubt}; if ${doubt === '' ? 'somebody removed it there' : 'it is'}, reset the record`,
        edit: RESET,
      }
    }
    case 'exhausted':
      return {
        reason: `failed ${record?.tries} times, "retry_cnt" is ${retryCount}${said}. Mend that, then delete "tries"`,
        edit: RETRY,
      }
    case 'bad-tries':
      return { reason: 'its "tries" is not a number: delete it', edit: RETRY }
    case 'paused':
      return { reason: 'paused in the document', edit: RESUME }
    case 'no-source':
      return {
        reason: `no source: no record of the publish site ${JSON.stringify(publishSite)}, nor of another site that this instance can read, has a "created_dt"; it is sent once one has`,
      }
    case 'misconfigured':
      return { reason: `the site can't be used: ${misconfigured.get(verdict.site)?.message ?? 'see the log'}` }
    case 'pending': {
      if (transfer && 'error' in transfer.route) return { reason: `pending, and will fail: ${transfer.route.error.message}` }
      if (transfer && isPerhapsElsewhere(transfer.route))
        return {
          reason: `pending${said}: it is said to be at a site that this instance can't read, so another instance sends it, or this one if the file is at ${displayPath(transfer.route.source)}`,
          ...(record?.tries && { edit: RETRY }),
        }
      const way =
        transfer && 'source' in transfer.route ? ` ${displayPath(transfer.route.source)} → ${displayPath(transfer.route.target)}` : ''
      const tried = record?.tries ? `pending after ${record.tries} of ${retryCount} tries, next one with the next scan` : 'pending'
      return { reason: `${tried}${said}.${way}${sameStorage(transfer)}`, ...(record?.tries && { edit: RETRY }) }
    }
  }
}

const askedOnce = (publishSite: string): string =>
  `"always_accessible_on" names it, which asks once, when a representation appears with a record of the publish site ${JSON.stringify(publishSite)} and none of this one`

/** Other names of the site's storage that ask for the file, too. */
function sameStorage(transfer: Transfer | undefined): string {
  const names = transfer?.alsoMarked?.map((name) => JSON.stringify(name)) ?? []
  if (names.length === 0) return ''
  return ` Marked with it, as ${names.length === 1 ? 'the same storage' : 'names of the same storage'} ("alternative_sites"): ${names.join(', ')}.`
}

function dateOf(value: unknown): string {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : String(value)
}

import { createInterface } from 'node:readline/promises'

import { UsageError } from '../errors.ts'
import { loadSettings } from '../config/load-settings.ts'
import { ADD, PAUSE, REMOVE, RESET, RESUME, RETRY, type RecordEdit } from '../model/record-edit.ts'
import { assertSelects, parseSelection, wideScopeOf, type Selection } from '../model/selection.ts'
import { editRecords, knownNames, noCounts, type EditCounts, type EditParts } from '../service/edit-records.ts'
import { audit } from '../streams/audit.ts'
import { connect, connectPatiently } from '../streams/connect.ts'
import type { ExitCode } from './command-line.ts'
import { selectionOf, type SelectionOptions } from './control-options.ts'
import { complain, print, printJson } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'
import { widePause, type PauseOptions } from './wide-pause.ts'

export type ControlName = 'retry' | 'reset' | 'add-site' | 'remove-site' | 'pause' | 'resume' | 'priority'

export interface ControlOptions extends SelectionOptions, PauseOptions {
  readonly config: string
  readonly json: boolean
  readonly dryRun: boolean
  readonly yes: boolean
}

const EDITS: Readonly<Record<Exclude<ControlName, 'priority'>, RecordEdit>> = {
  retry: RETRY,
  reset: RESET,
  'add-site': ADD,
  'remove-site': REMOVE,
  pause: PAUSE,
  resume: RESUME,
}

const DONE: Readonly<Record<ControlName, string>> = {
  retry: 'to be tried again',
  reset: 'reset',
  'add-site': 'added',
  'remove-site': 'removed',
  pause: 'paused',
  resume: 'resumed',
  priority: 'given that priority',
}

/** A command that changes the selected records. Exits with 1 where a document was refused, or the work was interrupted. */
export async function controlCommand(
  action: ControlName,
  representation: string | undefined,
  options: ControlOptions,
  priority?: string,
): Promise<ExitCode> {
  const edit = action === 'priority' ? priorityEdit(priority) : EDITS[action]
  const { settings } = await loadSettings(options.config, process.env)
  await using connections = connect(settings.mongo.uri)
  await connections.open()
  const db = connections.work.db(settings.mongo.database)
  const given = selectionOf(representation, options)
  const selection = parseSelection(given, await knownNames(db, settings))
  assertSelects(selection, { siteIsTarget: action === 'add-site' })
  assertFits(action, selection)
  const scope = wideScopeOf(selection)
  const state = connections.work.db(settings.mongo.stateDatabase)
  if (scope && (action === 'pause' || action === 'resume')) return await widePause({ action, scope, given, options, settings, state })
  if ((options.for ?? options.until ?? options.why) !== undefined) {
    throw new UsageError('--for, --until and --why are about a pause of nothing but --site, --project or --all: one in records has no end')
  }
  // To walk a large collection for the first match may take longer than an answer of the service's own work may.
  const patient = connectPatiently(settings.mongo.uri)
  const interruption = interruptible()
  try {
    const parts: EditParts = {
      db: patient.db(settings.mongo.database),
      settings,
      selection,
      edit,
      dryRun: options.dryRun,
      signal: interruption.signal,
      progress: progressLine(options),
      refused: (project, id, error) => complain(`${project}: ${id} was refused: ${String(error)}`),
    }
    if (action === 'reset' && !options.dryRun && !options.yes && !(await isConfirmed(parts, options))) return 2
    const counts = noCounts()
    const faults: unknown[] = []
    await editRecords(parts, counts).catch((error: unknown) => faults.push(error))
    const interrupted = interruption.signal.aborted
    if (!options.dryRun) {
      // What a fault ended half-way is told as well.
      const { records, representations, skipped } = counts
      const isWhole = !interrupted && faults.length === 0
      const entry = {
        who: whoAmI(),
        action,
        selection: given,
        records,
        representations,
        skipped,
        ...(!isWhole && { interrupted: true as const }),
      }
      await tellControl(entry, `${action}: ${records} records of ${representations} representations, by ${entry.who}`)
      await audit(state, entry).catch((error: unknown) => faults.push(error))
    }
    if (faults.length > 0) throw faults[0]
    report(action, options, counts, interrupted)
    return interrupted || counts.refused > 0 ? 1 : 0
  } finally {
    interruption.release()
    await patient.close()
  }
}

function priorityEdit(text: string | undefined): RecordEdit {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 1000) {
    throw new UsageError(`priority is ${JSON.stringify(text)}: a whole number from 1 to 1000, higher first`)
  }
  return { kind: 'set', field: 'priority', value }
}

function assertFits(action: ControlName, selection: Selection): void {
  if ((action === 'add-site' || action === 'remove-site') && selection.site === undefined) {
    throw new UsageError(`${action} needs "--site NAME"`)
  }
  if (action === 'add-site' && (selection.states ?? selection.error) !== undefined) {
    throw new UsageError('add-site is about records that are not there yet: they have no state and no error')
  }
}

/** Asks where a reset would forget that files are there. */
async function isConfirmed(parts: EditParts, { json }: ControlOptions): Promise<boolean> {
  const { created } = await editRecords({ ...parts, dryRun: true })
  if (created === 0) return true
  const what = `${created} of the records say that the file is there ("created_dt"); reset, each is compared and, if need be, sent again`
  if (!process.stdin.isTTY || json) {
    complain(`${what}. Say --yes if that is meant.`)
    return false
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${what}. Reset them? [y/N] `, { signal: parts.signal })).trim())
  } finally {
    terminal.close()
  }
}

function report(action: ControlName, { json, dryRun }: ControlOptions, counts: EditCounts, interrupted: boolean): void {
  const { records, representations, looked, skipped, refused } = counts
  if (json) return printJson({ action, records, representations, looked, skipped, refused, interrupted, dry_run: dryRun })
  const would = dryRun ? 'would be ' : ''
  if (looked === 0 && !interrupted) print('Nothing matches the selection: 0 changed.')
  else if (records === 0) print(`Nothing to do in ${looked} representations: 0 changed.`)
  else print(`${records} records of ${representations} representations ${would}${DONE[action]}.`)
  if (skipped > 0) print(`${skipped} representations changed meanwhile and were left as they are: run it again.`)
  if (refused > 0) print(`${refused} representations were refused by MongoDB.`)
  if (interrupted) print(`Interrupted after ${looked} representations: what was done is done, and it can be run again.`)
}

/** A line that moves, on a terminal only. */
function progressLine({ json }: ControlOptions): NonNullable<EditParts['progress']> {
  let shownAt = performance.now()
  return ({ looked, records }) => {
    if (json || !process.stderr.isTTY || performance.now() - shownAt < 200) return
    shownAt = performance.now()
    process.stderr.write(`\r\x1b[K${looked} representations looked at, ${records} records`)
  }
}

/** SIGINT and SIGTERM end it after what is under way. */
export function interruptible(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  process.on('SIGINT', abort).on('SIGTERM', abort)
  return { signal: controller.signal, release: () => void process.off('SIGINT', abort).off('SIGTERM', abort) }
}

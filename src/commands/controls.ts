import { createInterface } from 'node:readline/promises'

import { loadSettings } from '../config/load-settings.ts'
import { pauseText, scopeText } from '../model/pauses.ts'
import type { WideScope } from '../model/selection.ts'
import {
  doneJson,
  editSelected,
  readControl,
  type Control,
  type ControlDone,
  type ControlName,
  type ControlParts,
  type PauseOptions,
} from '../service/controls.ts'
import { editRecords, knownNames } from '../service/edit-records.ts'
import { pauseJson, widePause, type WidePauseDone } from '../service/wide-pause.ts'
import { connect, connectPatiently } from '../streams/connect.ts'
import type { ExitCode } from './command-line.ts'
import { selectionOf, type SelectionOptions } from './control-options.ts'
import { complain, print, printJson } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

export interface ControlOptions extends SelectionOptions, PauseOptions {
  readonly config: string
  readonly json: boolean
  readonly dryRun: boolean
  readonly yes: boolean
  /** Of `remove-site`: the files go as well. */
  readonly deleteFiles?: boolean
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

/** Of files that can't be edited, so many are named. */
const MAX_NAMED = 10

/** A command that changes the selected records. Exits with 1 where a document was refused, or the work was interrupted. */
export async function controlCommand(
  action: ControlName,
  representation: string | undefined,
  options: ControlOptions,
  priority?: string,
): Promise<ExitCode> {
  const { settings } = await loadSettings(options.config, process.env)
  await using connections = connect(settings.mongo.uri)
  await connections.open()
  const known = await knownNames(connections.work.db(settings.mongo.database), settings)
  const control = readControl({ action, given: selectionOf(representation, options), priority, options }, known)
  const patient = connectPatiently(settings.mongo.uri)
  const interruption = interruptible()
  const { dryRun, json } = options
  try {
    const parts: ControlParts = {
      db: patient.db(settings.mongo.database),
      state: connections.work.db(settings.mongo.stateDatabase),
      settings,
      dryRun,
      who: whoAmI(),
      tell: tellControl,
      signal: interruption.signal,
      progress: progressLine(options),
      refused: (project, id, error) => complain(`${project}: ${id} was refused: ${String(error)}`),
      uneditable: firstUneditable(),
    }
    if (control.scope) {
      const done = await widePause(control, control.scope, parts)
      if (json) printJson(pauseJson(action, done, dryRun))
      else showPause(action, control.scope, done, dryRun)
      return 0
    }
    if (action === 'reset' && !dryRun && !options.yes && !(await isConfirmed(control, parts, options))) return 2
    const done = await editSelected(control, parts)
    if (json) printJson(doneJson(action, done, dryRun))
    else report(action, options, done)
    return done.interrupted || done.refused > 0 ? 1 : 0
  } finally {
    interruption.release()
    await patient.close()
  }
}

/** Asks where a reset would forget that files are there. */
async function isConfirmed({ selection, edit }: Control, parts: ControlParts, { json }: ControlOptions): Promise<boolean> {
  const { created } = await editRecords({ ...parts, selection, edit, dryRun: true })
  if (created === 0) return true
  const what = `${created} of the records say that the file is there ("created_dt"); reset, each is compared and, if need be, sent again`
  return confirmed(what, 'Reset them?', { json, signal: parts.signal })
}

/** Asks whoever sits at the terminal; elsewhere `--yes` has to be said. */
export async function confirmed(
  what: string,
  question: string,
  { json, signal }: { readonly json: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  if (!process.stdin.isTTY || json) {
    complain(`${what}. Say --yes if that is meant.`)
    return false
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${what}. ${question} [y/N] `, { signal })).trim())
  } finally {
    terminal.close()
  }
}

function report(
  action: ControlName,
  { dryRun }: ControlOptions,
  { records, representations, looked, skipped, refused, uneditable, interrupted }: ControlDone,
): void {
  const would = dryRun ? 'would be ' : ''
  if (looked === 0 && !interrupted) print('Nothing matches the selection: 0 changed.')
  else if (records === 0) print(`Nothing to do in ${looked} representations: 0 changed.`)
  else print(`${records} records of ${representations} representations ${would}${DONE[action]}.`)
  if (skipped > 0) print(`${skipped} representations changed meanwhile and were left as they are: run it again.`)
  if (uneditable > 0) print(`${uneditable} files can't be edited, as they stand in their documents, and were left as they are.`)
  if (refused > 0) print(`${refused} representations were refused by MongoDB.`)
  if (interrupted) print(`Interrupted after ${looked} representations: what was done is done, and it can be run again.`)
}

function showPause(action: ControlName, scope: WideScope, { changed, still }: WidePauseDone, dryRun: boolean): void {
  const would = dryRun ? 'Would be done: ' : ''
  if (action === 'pause') for (const pause of changed) print(`${would}${pauseText(pause)}.`)
  else if (changed.length === 0) print(`Nothing to do: no pause of ${scopeText(scope)}. 0 changed.`)
  for (const pause of action === 'resume' ? changed : []) print(`${would}${scopeText(pause)} goes on.`)
  for (const pause of still) print(`Still: ${pauseText(pause)}.`)
}

/** Names the first of what can't be edited; the count tells of all. */
function firstUneditable(): NonNullable<ControlParts['uneditable']> {
  let left = MAX_NAMED
  return (project, id, faults) => {
    for (const fault of faults.slice(0, left)) complain(`${project}: ${id}: ${fault}: it can't be edited`)
    left = Math.max(0, left - faults.length)
  }
}

/** A line that moves, on a terminal only. */
function progressLine({ json }: ControlOptions): NonNullable<ControlParts['progress']> {
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

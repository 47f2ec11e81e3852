import type { Db } from 'mongodb'

import { UsageError } from '../errors.ts'
import type { PauseEnd } from '../model/pause-end.ts'
import { ADD, PAUSE, REMOVE, RESET, RESUME, RETRY, type RecordEdit } from '../model/record-edit.ts'
import { assertSelects, parseSelection, wideScopeOf, type KnownNames, type Selection, type WideScope } from '../model/selection.ts'
import type { Settings } from '../model/settings.ts'
import { audit, type AuditEntry } from '../streams/audit.ts'
import { editRecords, noCounts, type EditCounts, type EditParts } from './edit-records.ts'

export const CONTROL_NAMES = ['retry', 'reset', 'add-site', 'remove-site', 'pause', 'resume', 'priority'] as const
export type ControlName = (typeof CONTROL_NAMES)[number]

const EDITS: Readonly<Record<Exclude<ControlName, 'priority'>, RecordEdit>> = {
  retry: RETRY,
  reset: RESET,
  'add-site': ADD,
  'remove-site': REMOVE,
  pause: PAUSE,
  resume: RESUME,
}

/** How long a wide pause lasts, and why. */
export interface PauseOptions extends PauseEnd {
  readonly why?: string | undefined
}

/** What somebody asks for: by command, or over HTTP. */
export interface ControlRequest {
  readonly action: ControlName
  /** The selection as it was given. */
  readonly given: Readonly<Record<string, unknown>>
  readonly priority?: unknown
  readonly options: PauseOptions
}

/** The same, understood. */
export interface Control extends ControlRequest {
  readonly edit: RecordEdit
  readonly selection: Selection
  /** Of a pause that is not written into records, or its end. */
  readonly scope?: WideScope
}

/** Throws a `UsageError` for what can't be meant. */
export function readControl(request: ControlRequest, known: KnownNames): Control {
  const { action, given, options } = request
  const edit = action === 'priority' ? priorityEdit(request.priority) : EDITS[action]
  const selection = parseSelection(given, known)
  assertSelects(selection, { siteIsTarget: action === 'add-site' })
  assertFits(action, selection)
  const scope = action === 'pause' || action === 'resume' ? wideScopeOf(selection) : undefined
  if (!scope && (options.for ?? options.until ?? options.why) !== undefined) {
    throw new UsageError('--for, --until and --why are about a pause of nothing but --site, --project or --all: one in records has no end')
  }
  return { ...request, edit, selection, ...(scope && { scope }) }
}

export interface ControlParts extends Pick<EditParts, 'signal' | 'progress' | 'refused' | 'uneditable'> {
  /** Whose connections wait for long answers: to walk a large collection for the first match may take a while. */
  readonly db: Db
  readonly state: Db
  readonly settings: Settings
  readonly dryRun: boolean
  /** Who is responsible, for the log and the audit. */
  readonly who: string
  /** Says so in the log. */
  readonly tell: (entry: AuditEntry, message: string) => Promise<void> | void
}

/** What was done, or would be. */
export interface ControlDone extends EditCounts {
  readonly interrupted: boolean
}

/** Edits the selected records, and has it audited: what a fault ended half-way as well. */
export async function editSelected(
  { action, given, selection, edit }: Control,
  parts: ControlParts,
  counts = noCounts(),
): Promise<ControlDone> {
  const { who, tell, state, dryRun, signal } = parts
  const faults: unknown[] = []
  await editRecords({ ...parts, selection, edit }, counts).catch((error: unknown) => faults.push(error))
  const interrupted = signal.aborted
  if (!dryRun) {
    const { records, representations, skipped } = counts
    const isWhole = !interrupted && faults.length === 0
    const entry = { who, action, selection: given, records, representations, skipped, ...(!isWhole && { interrupted: true as const }) }
    await tell(entry, `${action}: ${records} records of ${representations} representations, by ${who}`)
    await audit(state, entry).catch((error: unknown) => faults.push(error))
  }
  if (faults.length > 0) throw faults[0]
  return { ...counts, interrupted }
}

/** The answer to whoever asked, as JSON. */
export function doneJson(
  action: ControlName,
  { records, representations, looked, skipped, refused, uneditable, interrupted }: ControlDone,
  dryRun: boolean,
) {
  return { action, records, representations, looked, skipped, refused, uneditable, interrupted, dry_run: dryRun }
}

function priorityEdit(said: unknown): RecordEdit {
  const value = Number(said)
  if (said === undefined || !Number.isInteger(value) || value < 1 || value > 1000) {
    throw new UsageError(`priority is ${JSON.stringify(said) ?? 'missing'}: a whole number from 1 to 1000, higher first`)
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

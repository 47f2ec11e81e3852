import { createLogger } from '../logging.ts'
import { bytesText } from '../model/bytes-text.ts'
import { parseSelection } from '../model/selection.ts'
import { readControl } from '../service/controls.ts'
import { noDeleteCounts } from '../service/delete-files/delete-files.ts'
import { deletedJson, deleteSelected, isWholly } from '../service/delete-files/delete-selected.ts'
import type { DeletedFile, DeleteCounts } from '../service/delete-files/parts.ts'
import { editRecords, knownNames } from '../service/edit-records.ts'
import { connectPatiently } from '../streams/connect.ts'
import type { ExitCode } from './command-line.ts'
import { selectionOf } from './control-options.ts'
import { confirmed, interruptible, type ControlOptions } from './controls.ts'
import { inspect } from './inspect.ts'
import { complain, print, printJsonList } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

/** `remove-site --delete-files`. Exits with 1 where a file that was to go is kept, a document was refused, or it was interrupted. */
export async function deleteFilesCommand(representation: string | undefined, options: ControlOptions): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async ({ settings, db: quick, stateDb: state, misconfigured, providers }) => {
    const { json, dryRun } = options
    const given = selectionOf(representation, options)
    const known = await knownNames(quick, settings)
    const control = readControl({ action: 'remove-site', given, options: {} }, known)
    const { site = '' } = parseSelection(given, known)
    await using patient = connectPatiently(settings.mongo.uri)
    const db = patient.db(settings.mongo.database)
    const interruption = interruptible()
    const { signal } = interruption
    const log = createLogger({ level: 'info', format: 'auto', stream: process.stderr })
    const counts = noDeleteCounts()
    try {
      if (!dryRun && !options.yes) {
        const { records, representations } = await editRecords({ ...control, db, settings, dryRun: true, signal })
        const what = `${records} records of ${representations} representations go, and their files at ${site}: each that another site has as well`
        if (records > 0 && !(await confirmed(what, 'Delete them?', { json, signal }))) return 2
      }
      const files = deleteSelected(
        control,
        {
          db,
          state,
          settings,
          selection: control.selection,
          site,
          dryRun,
          misconfigured,
          providers,
          who: whoAmI(),
          log,
          signal,
          progress: progressLine(json),
          refused: (project, id, error) => complain(`${project}: ${id} was refused: ${String(error)}`),
        },
        tellControl,
        counts,
      )
      if (json) await printJsonList('files', files, () => deletedJson(counts, { interrupted: signal.aborted, dryRun }))
      else await show(files, counts, { dryRun, signal })
      return isWholly(counts) && !signal.aborted ? 0 : 1
    } finally {
      interruption.release()
      await log.close()
    }
  })
}

async function show(
  files: AsyncIterable<DeletedFile>,
  counts: DeleteCounts,
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const would = dryRun ? 'would be ' : ''
  for await (const { project, path, site, outcome, to, bytes = 0, reason, why } of files) {
    const gone = `${would}deleted${to === 'trash' ? ' (it is in the trash)' : ''}, ${bytesText(bytes)}`
    print(`${project}: ${path} at ${site}: ${outcome === 'deleted' ? gone : `${would}kept: ${reason}: ${why}`}`)
  }
  const { looked, records, representations, deleted, kept, shared, missing, skipped, refused } = counts
  if (looked === 0 && deleted === 0 && !signal.aborted) print('Nothing matches the selection: 0 changed.')
  else print(`${deleted} files ${would}deleted, ${records} records of ${representations} representations ${would}removed.`)
  if (missing > 0) print(`${missing} files were not there.`)
  if (shared > 0) print(`${shared} files ${dryRun ? 'would be kept' : 'are kept'}, since other file entries have them there.`)
  if (kept > shared) print(`${kept - shared} files and their records ${dryRun ? 'would be left' : 'are left'} as they are.`)
  if (skipped > 0) print(`${skipped} representations changed meanwhile and were left as they are: run it again.`)
  if (refused > 0) print(`${refused} representations were refused by MongoDB.`)
  if (signal.aborted) print(`Interrupted after ${looked} representations: what was done is done, and it can be run again.`)
}

/** A line that moves, on a terminal only. */
function progressLine(json: boolean): (counts: Readonly<DeleteCounts>) => void {
  return ({ looked, deleted, kept }) => {
    if (json || !process.stderr.isTTY) return
    process.stderr.write(`\r\x1b[K${looked} representations looked at, ${deleted} files deleted, ${kept} kept`)
  }
}

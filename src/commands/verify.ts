import { UsageError } from '../errors.ts'
import { assertSelects, parseSelection } from '../model/selection.ts'
import { knownNames } from '../service/edit-records.ts'
import { MENDS, noVerifyCounts, verifySites, type Found, type Mend, type VerifyCounts } from '../service/verify/verify-sites.ts'
import { audit } from '../streams/audit.ts'
import { connectPatiently } from '../streams/connect.ts'
import type { ExitCode } from './command-line.ts'
import { selectionOf, type SelectionOptions } from './control-options.ts'
import { interruptible } from './controls.ts'
import { inspect } from './inspect.ts'
import { print, printJsonList } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

export interface VerifyOptions extends SelectionOptions {
  readonly config: string
  readonly json: boolean
  readonly dryRun: boolean
  readonly mend: string
}

/** `verify`: is there what records say is there? Exits with 1 where something is wrong, was not looked at, or it was interrupted. */
export async function verifyCommand(representation: string | undefined, options: VerifyOptions): Promise<ExitCode> {
  const mend = mendOf(options.mend)
  return inspect<ExitCode>(options.config, async ({ db, settings, misconfigured, providers, stateDb: state }) => {
    const given = selectionOf(representation, options)
    const selection = parseSelection(given, await knownNames(db, settings))
    assertSelects(selection)
    const { json, dryRun } = options
    const interruption = interruptible()
    const { signal } = interruption
    await using patient = connectPatiently(settings.mongo.uri)
    const counts = noVerifyCounts()
    let isWhole = false
    try {
      const found = verifySites(
        {
          db: patient.db(settings.mongo.database),
          settings,
          selection,
          mend,
          isDryRun: dryRun,
          misconfigured,
          providers,
          signal,
          progress: progressLine(json),
        },
        counts,
      )
      const rest = () => ({ action: 'verify', mend, ...counts, interrupted: signal.aborted, dry_run: dryRun })
      if (json) await printJsonList('findings', found, rest)
      else await show(found, counts, { mend, dryRun, signal })
      isWhole = !signal.aborted
    } finally {
      interruption.release()
      // What was written is told, also when a fault ended it.
      if (mend !== 'report' && !dryRun) {
        const { mended: records, skipped } = counts
        const entry = {
          who: whoAmI(),
          action: 'verify',
          selection: { ...given, mend },
          records,
          representations: counts.mended_representations,
          skipped,
        }
        const whole = { ...entry, ...(!isWhole && { interrupted: true as const }) }
        await tellControl(whole, `verify: ${records} records reset, by ${entry.who}`)
        await audit(state, whole)
      }
    }
    return wrongOf(counts) > 0 || counts.not_looked > 0 || counts.refused > 0 || signal.aborted ? 1 : 0
  })
}

function mendOf(text: string): Mend {
  const mend = MENDS.find((each) => each === text)
  if (mend === undefined) throw new UsageError(`--mend is ${JSON.stringify(text)}: one of ${MENDS.join(', ')}`)
  return mend
}

const wrongOf = ({ missing, changed, truncated, duplicated }: VerifyCounts): number => missing + changed + truncated + duplicated

async function show(
  found: AsyncIterable<Found>,
  counts: VerifyCounts,
  { mend, dryRun, signal }: { readonly mend: Mend; readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const reset = dryRun ? ' (would be reset)' : ' (reset)'
  for await (const { project, path, site, finding, why, mended } of found) {
    print(`${project}: ${path} at ${site}: ${finding === 'not-looked' ? 'not looked at' : finding}: ${why}${mended ? reset : ''}`)
  }
  const { records, representations, missing, changed, truncated, duplicated, alone, not_looked: unknown, mended, skipped, refused } = counts
  if (records === 0 && !signal.aborted) print('Nothing matches the selection: no record of it says that a file is there.')
  else
    print(
      `${records} files in ${representations} representations: ${missing} missing, ${changed} changed, ${truncated} truncated, ${duplicated} duplicated.`,
    )
  if (mend !== 'report') print(`${mended} records ${dryRun ? 'would be ' : ''}reset.`)
  if (alone > 0) print(`${alone} are there, but were compared with no other site.`)
  if (unknown > 0) print(`${unknown} were not looked at.`)
  if (skipped > 0) print(`${skipped} changed meanwhile and were left as they are: run it again.`)
  if (refused > 0) print(`${refused} were refused by MongoDB.`)
  if (signal.aborted) print('Interrupted: what was done is done, and it can be run again.')
}

/** A line that moves, on a terminal only. */
function progressLine(json: boolean): (counts: Readonly<VerifyCounts>) => void {
  let shownAt = performance.now()
  return (counts) => {
    if (json || !process.stderr.isTTY || performance.now() - shownAt < 200) return
    shownAt = performance.now()
    process.stderr.write(`\r\x1b[K${counts.records} files, ${wrongOf(counts)} wrong`)
  }
}

import { UsageError } from '../errors.ts'
import { audited } from '../service/audited.ts'
import { auditedVerify, isFine } from '../service/verify/verify-result.ts'
import { MENDS, noVerifyCounts, verifySites, wrongOf, type Found, type Mend, type VerifyCounts } from '../service/verify/verify-sites.ts'
import type { ExitCode } from './command-line.ts'
import { lookAtSites, movingLine, type LookOptions } from './look-at-sites.ts'
import { print, printJsonList } from './output.ts'

export interface VerifyOptions extends LookOptions {
  readonly mend: string
}

/** `verify`: is there what records say is there? Exits with 1 where something is wrong, was not looked at, or it was interrupted. */
export async function verifyCommand(representation: string | undefined, options: VerifyOptions): Promise<ExitCode> {
  const mend = mendOf(options.mend)
  return lookAtSites<ExitCode>(representation, options, async ({ given, parts, auditing }) => {
    const { json, dryRun } = options
    const { signal } = parts
    const counts = noVerifyCounts()
    const progress = movingLine<VerifyCounts>(json, (so) => `${so.records} files, ${wrongOf(so)} wrong`)
    const work = verifySites({ ...parts, mend, isDryRun: dryRun, progress }, counts)
    const isWriting = mend !== 'report' && !dryRun
    const found = audited(work, () => (isWriting ? auditedVerify({ ...given, mend }, counts) : undefined), auditing)
    const rest = () => ({ action: 'verify', mend, ...counts, interrupted: signal.aborted, dry_run: dryRun })
    if (json) await printJsonList('findings', found, rest)
    else await show(found, counts, { mend, dryRun, signal })
    return isFine(counts) && !signal.aborted ? 0 : 1
  })
}

function mendOf(text: string): Mend {
  const mend = MENDS.find((each) => each === text)
  if (mend === undefined) throw new UsageError(`--mend is ${JSON.stringify(text)}: one of ${MENDS.join(', ')}`)
  return mend
}

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
  if (counts.nowhere_else > 0) print(`Of ${counts.nowhere_else} no other site is known to have the file: their records stay as they are.`)
  if (alone > 0) print(`${alone} are there, but were compared with no other site.`)
  if (unknown > 0) print(`${unknown} were not looked at.`)
  if (skipped > 0) print(`${skipped} changed meanwhile and were left as they are: run it again.`)
  if (refused > 0) print(`${refused} were refused by MongoDB.`)
  if (signal.aborted) print('Interrupted: what was done is done, and it can be run again.')
}

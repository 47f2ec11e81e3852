import { audited } from '../service/audited.ts'
import { adoptFiles, noAdoptCounts, type AdoptCounts, type NotAdopted } from '../service/verify/adopt-files.ts'
import { adoptJson, auditedAdopt, isAdopted } from '../service/verify/verify-result.ts'
import type { ExitCode } from './command-line.ts'
import { lookAtSites, movingLine, siteOf, type LookOptions } from './look-at-sites.ts'
import { print, printJsonList } from './output.ts'

export type AdoptOptions = LookOptions

/** `adopt`: marks what is at the site already. Exits with 1 where something there is not what it should be, or nobody could tell. */
export async function adoptCommand(representation: string | undefined, options: AdoptOptions): Promise<ExitCode> {
  const site = siteOf('adopt', options)
  return lookAtSites<ExitCode>(representation, options, async ({ given, parts, auditing }) => {
    const { json, dryRun } = options
    const { signal, selection } = parts
    const counts = noAdoptCounts()
    const progress = movingLine<AdoptCounts>(json, ({ looked, adopted }) => `${looked} files looked at, ${adopted} adopted`)
    const work = adoptFiles({ ...parts, selection: { ...selection, site }, isDryRun: dryRun, progress }, counts)
    const left = audited(work, () => (dryRun ? undefined : auditedAdopt(given, counts)), auditing)
    if (json) await printJsonList('left', left, () => adoptJson(counts, { interrupted: signal.aborted, dryRun }))
    else await show(left, counts, options, signal)
    return isAdopted(counts) && !signal.aborted ? 0 : 1
  })
}

async function show(left: AsyncIterable<NotAdopted>, counts: AdoptCounts, { dryRun }: AdoptOptions, signal: AbortSignal): Promise<void> {
  for await (const { project, path, site, finding, why } of left) print(`${project}: ${path} at ${site}: ${finding}: ${why}`)
  const { looked, adopted, representations, missing, different, alone, unreachable, skipped, refused } = counts
  if (looked === 0 && !signal.aborted) print('Nothing of the selection is open at the site: 0 adopted.')
  else {
    const would = dryRun ? 'would be ' : ''
    print(
      `${adopted} of ${looked} files ${would}adopted, in ${representations} representations: ${missing} missing, ${different} different.`,
    )
  }
  if (alone > 0) print(`${alone} are there, and no other site has them to compare them with.`)
  if (unreachable > 0) print(`${unreachable} could not be looked at.`)
  if (skipped > 0) print(`${skipped} changed meanwhile and were left as they are: run it again.`)
  if (refused > 0) print(`${refused} were refused by MongoDB.`)
  if (signal.aborted) print('Interrupted: what was done is done, and it can be run again.')
}

import { UsageError } from '../errors.ts'
import { assertSelects, parseSelection } from '../model/selection.ts'
import { compareSites, type CompareCounts, type Difference } from '../service/compare-sites.ts'
import { knownNames } from '../service/edit-records.ts'
import type { ExitCode } from './command-line.ts'
import { selectionOf, type SelectionOptions } from './control-options.ts'
import { inspect } from './inspect.ts'
import { complain, print, printJsonList } from './output.ts'

export interface DiffOptions extends SelectionOptions {
  readonly config: string
  readonly json: boolean
  readonly deep: boolean
}

/** `diff`: what one site has and the other lacks. Without a selection of anything else it goes through everything: it only looks. */
export async function diffCommand(one: string, other: string, representation: string | undefined, options: DiffOptions): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async ({ db, settings, providers }) => {
    const names = await knownNames(db, settings)
    // Both names are checked as those of a selection are.
    for (const site of [one, other]) parseSelection({ site }, names)
    if (one === other) throw new UsageError(`${JSON.stringify(one)} is compared with itself: name two sites`)
    const given = selectionOf(representation, options)
    const selection = parseSelection(Object.keys(given).length === 0 ? { all: true } : given, names)
    assertSelects(selection)
    const counts: CompareCounts = { records: 0, representations: 0, different: 0, unknown: 0 }
    const told = new Set<string>()
    const failed = (site: string, why: string): void => {
      const line = `${site} did not answer: ${why}`
      // Each file may have a message of its own.
      if (told.size >= MAX_TOLD || told.has(line)) return
      told.add(line)
      complain(line)
    }
    const parts = { db, settings, selection, sites: [one, other] as const, failed, ...(options.deep && { providers }) }
    const found = compareSites(parts, counts)
    if (options.json) await printJsonList('differences', found, () => ({ sites: [one, other], deep: options.deep, ...counts }))
    else await show(found, [one, other], counts)
    return counts.unknown > 0 ? 1 : 0
  })
}

/** Lines about sites that do not answer at most. */
const MAX_TOLD = 20

async function show(found: AsyncIterable<Difference>, [one, other]: readonly [string, string], counts: CompareCounts): Promise<void> {
  for await (const { project, path, has, lacks, sizes } of found) {
    if (sizes) print(`${project}: ${path}: ${sizes[0]} bytes at ${one}, ${sizes[1]} at ${other}`)
    else print(`${project}: ${path}: ${String(has)} has it, ${String(lacks)} lacks it`)
  }
  const { records, representations, different, unknown } = counts
  const left = unknown === 0 ? '' : `; ${unknown} could not be compared`
  print(`${different} of ${records} files in ${representations} representations differ${left}.`)
}

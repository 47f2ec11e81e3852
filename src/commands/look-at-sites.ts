import { UsageError } from '../errors.ts'
import { assertSelects, parseSelection } from '../model/selection.ts'
import type { AuditParts } from '../service/audited.ts'
import { knownNames } from '../service/edit-records.ts'
import type { WalkParts } from '../service/verify/walk.ts'
import { connectPatiently } from '../streams/connect.ts'
import { selectionOf, type SelectionOptions } from './control-options.ts'
import { interruptible } from './controls.ts'
import { inspect } from './inspect.ts'
import { tellControl, whoAmI } from './tell-control.ts'

export interface LookOptions extends SelectionOptions {
  readonly config: string
  readonly json: boolean
  readonly dryRun: boolean
}

export interface LookContext {
  /** The selection as it was given. */
  readonly given: Readonly<Record<string, unknown>>
  readonly parts: WalkParts
  readonly auditing: AuditParts
}

/** For a command that looks at files where they lie: opens what it takes, until it is done or told to end. */
export async function lookAtSites<T>(
  representation: string | undefined,
  options: LookOptions,
  work: (context: LookContext) => Promise<T>,
): Promise<T> {
  return inspect(options.config, async ({ db, settings, misconfigured, providers, stateDb: state }) => {
    const given = selectionOf(representation, options)
    const selection = parseSelection(given, await knownNames(db, settings))
    assertSelects(selection)
    const interruption = interruptible()
    const { signal } = interruption
    // To walk a large collection for the first match may take longer than an answer of the service's own work may.
    await using patient = connectPatiently(settings.mongo.uri)
    try {
      const parts = { db: patient.db(settings.mongo.database), settings, selection, misconfigured, providers, signal }
      return await work({ given, parts, auditing: { state, who: whoAmI(), tell: tellControl, signal } })
    } finally {
      interruption.release()
    }
  })
}

/** The site that a command is about. */
export function siteOf(action: string, { site }: { readonly site?: string | undefined }): string {
  if (site === undefined) throw new UsageError(`${action} needs "--site NAME"`)
  return site
}

/** A line that moves, on a terminal only. */
export function movingLine<T>(json: boolean, text: (counts: T) => string): (counts: T) => void {
  let shownAt = performance.now()
  return (counts) => {
    if (json || !process.stderr.isTTY || performance.now() - shownAt < 200) return
    shownAt = performance.now()
    process.stderr.write(`\r\x1b[K${text(counts)}`)
  }
}

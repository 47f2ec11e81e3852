import { hostname } from 'node:os'
import { resolve } from 'node:path'

import type { Db } from 'mongodb'

import { UsageError } from '../errors.ts'
import { bytesText } from '../model/bytes-text.ts'
import { assertSelects, parseSelection } from '../model/selection.ts'
import { knownNames } from '../service/edit-records.ts'
import { makeReceipts, type Receipt, type ReceiptResult } from '../service/receipt/receipt.ts'
import { Spool, type Refused } from '../service/receipt/spool.ts'
import { audit, type AuditEntry } from '../streams/audit.ts'
import { connectPatiently } from '../streams/connect.ts'
import { version } from '../version.ts'
import type { ExitCode } from './command-line.ts'
import { selectionOf, type SelectionOptions } from './control-options.ts'
import { interruptible } from './controls.ts'
import { inspect } from './inspect.ts'
import { print, printJsonList } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

export interface ReceiptOptions extends SelectionOptions {
  readonly config: string
  readonly json: boolean
  readonly dryRun: boolean
  readonly partial: boolean
  readonly out?: string
}

/** `receipt`: states what is at a site, each file looked at there. Exits with 1 where a file is not verified there. */
export async function receiptCommand(site: string, representation: string | undefined, options: ReceiptOptions): Promise<ExitCode> {
  return inspect<ExitCode>(options.config, async ({ db, settings, misconfigured, providers, stateDb: state }) => {
    if (options.site !== undefined && options.site !== site) {
      throw new UsageError(`the receipt is about site ${JSON.stringify(site)}: leave "--site" away`)
    }
    const given = { ...selectionOf(representation, options), site }
    const selection = { ...parseSelection(given, await knownNames(db, settings)), site }
    assertSelects(selection, { siteIsTarget: true })
    const interruption = interruptible()
    // To walk a large collection for the first match may take longer than an answer of the service's own work may.
    const patient = connectPatiently(settings.mongo.uri)
    await using spool = await Spool.open()
    try {
      const result = await makeReceipts({
        settings,
        misconfigured,
        providers,
        state,
        db: patient.db(settings.mongo.database),
        selection,
        spool,
        signal: interruption.signal,
        isPartial: options.partial,
        isDryRun: options.dryRun,
        head: { host: hostname(), tool: { name: 'site-sync', version: version() }, author: whoAmI(), location: site },
        progress: progressLine(options),
        ...(options.out !== undefined && { out: resolve(options.out) }),
      })
      if (result.receipts.some(({ c4 }) => c4 !== undefined) && options.out === undefined) {
        await tell(state, { selection: given, records: result.records, representations: result.representations, skipped: spool.refused })
      }
      await show(site, result, spool, options)
      return spool.refused > 0 ? 1 : 0
    } catch (error) {
      throw interruption.signal.aborted ? new Error('interrupted: what was not written yet is not written', { cause: error }) : error
    } finally {
      interruption.release()
      await patient.close()
    }
  })
}

/** What is written to a site is told and kept. */
async function tell(state: Db, told: Pick<AuditEntry, 'selection' | 'records' | 'representations' | 'skipped'>): Promise<void> {
  const entry = { who: whoAmI(), action: 'receipt', ...told }
  await tellControl(entry, `receipt: of ${entry.records} records of ${entry.representations} representations, by ${entry.who}`)
  await audit(state, entry)
}

async function show(site: string, result: ReceiptResult, spool: Spool, { json, dryRun, partial }: ReceiptOptions): Promise<void> {
  const { receipts, records, representations } = result
  if (json) {
    const rest = () => ({ site, receipts, records, representations, not_verified: spool.refused, partial, dry_run: dryRun })
    return await printJsonList('refused', slowly(spool.eachRefused()), rest)
  }
  for (const { project, path, why } of spool.eachRefused()) print(`${project}: ${path}: ${why}`)
  for (const receipt of receipts) print(line(receipt, dryRun))
  if (records === 0) print(`Nothing of the selection has a record of ${site}: there is nothing to write a receipt of.`)
  if (spool.refused === 0) return
  const written = receipts.length > 0 ? 'left out' : 'nothing was written; --partial writes a receipt of the others'
  print(`${spool.refused} of ${records} files are not verified at ${site}: ${written}.`)
}

function line({ manifest, generation, files, bytes }: Receipt, isDryRun: boolean): string {
  return `${files} files, ${bytesText(bytes)}: generation ${generation} ${isDryRun ? 'would be' : 'is'} ${manifest}`
}

/** The reader of standard output is waited for. */
async function* slowly(refused: Iterable<Refused>): AsyncGenerator<Refused> {
  yield* refused
}

/** A line that moves, on a terminal only. */
function progressLine({ json }: ReceiptOptions): (looked: number, all: number) => void {
  let shownAt = performance.now()
  return (looked, all) => {
    if (json || !process.stderr.isTTY || performance.now() - shownAt < 200) return
    shownAt = performance.now()
    process.stderr.write(`\r\x1b[K${looked} of ${all} files looked at`)
  }
}

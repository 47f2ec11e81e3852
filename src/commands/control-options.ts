import { Command, Option } from 'commander'

import type { Selection } from '../model/selection.ts'
import type { ExitCode } from './command-line.ts'
import type { ControlName } from '../service/controls.ts'
import type { AdoptOptions } from './adopt.ts'
import type { ControlOptions } from './controls.ts'
import type { DiffOptions } from './diff.ts'
import type { ReceiptOptions } from './receipt.ts'
import type { VerifyOptions } from './verify.ts'

const COMMANDS: readonly (readonly [ControlName, string])[] = [
  ['retry', 'try failed files again at once: deletes "tries" and "error"'],
  ['reset', 'forget what is known of files at a site, so that they are synced afresh'],
  ['add-site', 'ask for files at a site, where nobody did yet'],
  ['remove-site', 'do not ask for files at a site any more: removes the records'],
  ['pause', 'leave files alone until they are resumed'],
  ['resume', 'go on with what was paused'],
]

const SELECTION_HELP = `
REPRESENTATION is an id, a path, or asset/subset/version/name. All that is said must hold; saying nothing selects nothing.
States: pending, failed (pending, and failed before), exhausted, paused, synced; several with commas.`

const WIDE_HELP = `
With nothing but --site, --project or --all it is about the whole site, project or service: documents stay as they are, later work waits too.`

const DELETE_HELP = `
--delete-files looks at the other sites first: the last copy of a file stays, and so does a file that another representation has there. On
Google Drive files are moved to the trash. Exits with 1 where a file that was to go is kept.`

/** The commands that change records, with the options of a selection. */
export function addControls(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  for (const [name, description] of COMMANDS) {
    const command = selecting(program.command(name).description(description), config)
    if (name === 'pause') {
      command
        .option('--for <time>', 'of a site, a project or everything: for so long, such as 30m, 2h or 3d')
        .option('--until <time>', 'until then, such as 2026-05-04T18:00')
        .option('--why <text>', 'what "status" and "explain" say to whoever wonders')
    }
    if (name === 'pause' || name === 'resume') command.addHelpText('after', WIDE_HELP)
    if (name === 'remove-site') {
      command
        .option('--delete-files', 'also delete the files at the site that another site has as well', false)
        .addHelpText('after', DELETE_HELP)
    }
    command
      .argument('[representation]', 'an id, a path, or asset/subset/version/name')
      .action(async (representation: string | undefined, options: ControlOptions) => {
        const isDeleting = options.deleteFiles === true
        ended(
          isDeleting
            ? await (await import('./delete-files.ts')).deleteFilesCommand(representation, options)
            : await (await import('./controls.ts')).controlCommand(name, representation, options),
        )
      })
  }
  selecting(program.command('priority').description('which files go first: a number from 1 to 1000, higher first'), config)
    .argument('<priority>', 'from 1 to 1000; 50 is the default')
    .argument('[representation]', 'an id, a path, or asset/subset/version/name')
    .action(async (priority: string, representation: string | undefined, options: ControlOptions) =>
      ended(await (await import('./controls.ts')).controlCommand('priority', representation, options, priority)),
    )
}

/** The command that compares sites, with the same selection. */
export function addDiff(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  selection(program.command('diff').description('what one site has and the other lacks, by the records or by the sites themselves'))
    .argument('<site>', 'its name')
    .argument('<other>', 'the name of the other')
    .argument('[representation]', 'an id, a path, or asset/subset/version/name')
    .addOption(config())
    .option('--deep', 'ask the sites themselves for each file, and compare its size', false)
    .option('--json', 'as one JSON object', false)
    .addHelpText(
      'after',
      `${SELECTION_HELP.replace('saying nothing selects nothing', 'saying nothing compares everything')}
Files with a record of neither site are left out. Exits with 1 when a site did not say of a file whether it has it.`,
    )
    .action(async (site: string, other: string, representation: string | undefined, options: DiffOptions) =>
      ended(await (await import('./diff.ts')).diffCommand(site, other, representation, options)),
    )
}

/** The command that states what is at a site, with the same selection; the site is no part of what selects. */
export function addReceipt(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  selecting(
    program
      .command('receipt')
      .description('what is at a site, file by file with size, time and hash, as a client asks for it: ASC MHL 2.0'),
    config,
  )
    .argument('<site>', 'its name')
    .argument('[representation]', 'an id, a path, or asset/subset/version/name')
    .option('--out <folder>', 'write it there, to a folder of this machine, and nothing to the site')
    .option('--partial', 'write it for what is verified, even where something is not', false)
    .addHelpText('after', RECEIPT_HELP)
    .action(async (site: string, representation: string | undefined, options: ReceiptOptions) =>
      ended(await (await import('./receipt.ts')).receiptCommand(site, representation, options)),
    )
}

const RECEIPT_HELP = `
Every file is looked at where it lies, and compared with its source. It exits with 1, and names the files, where one is not verified there;
nothing is written then, unless --partial. --state and --error are about the records of that site.`

/** The command that looks at the sites whether records are true, with the same selection. */
export function addVerify(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  selecting(program.command('verify').description('is at the sites what records say is there, with the content of its source?'), config)
    .argument('[representation]', 'an id, a path, or asset/subset/version/name')
    .option(
      '--mend <how>',
      'report: only say so; reset: the record says no more that it is there; resend: the same, where it can be sent',
      'report',
    )
    .addHelpText('after', VERIFY_HELP)
    .action(async (representation: string | undefined, options: VerifyOptions) =>
      ended(await (await import('./verify.ts')).verifyCommand(representation, options)),
    )
}

const VERIFY_HELP = `
Without --site, at every site whose record has a created_dt. Exits with 1 where something is wrong, or a site could not be looked at:
nothing is missing because a site is down.`

/** The command that marks what is at a site already, with the same selection. */
export function addAdopt(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  selecting(
    program.command('adopt').description('mark files that are at a site already, with the same content, without sending them'),
    config,
  )
    .argument('[representation]', 'an id, a path, or asset/subset/version/name')
    .addHelpText('after', ADOPT_HELP)
    .action(async (representation: string | undefined, options: AdoptOptions) =>
      ended(await (await import('./adopt.ts')).adoptCommand(representation, options)),
    )
}

const ADOPT_HELP = `
Needs --site. Each file without a created_dt of the site is looked at there and compared with another site that has it. Exits with 1 where one
is different, could not be compared, or the site did not answer; what is not there stays as it is (exit 0).`

/** What the options of a selection hold. */
export interface SelectionOptions extends Omit<Selection, 'representation' | 'states' | 'all'> {
  readonly state?: string
  readonly all?: boolean
}

/** What was said of them, by their names in a selection. */
export function selectionOf(representation: string | undefined, options: SelectionOptions): Readonly<Record<string, unknown>> {
  const { project, asset, subset, version, name, site, state, error, all } = options
  const said = { representation, project, asset, subset, version, name, site, state, error, all }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

function selecting(command: Command, config: () => Option): Command {
  return selection(command)
    .addOption(config())
    .option('--site <name>', 'records of this site; where files are to be added or removed')
    .option('--state <states>', 'records in one of these states')
    .option('--error <text>', 'records whose error has this text in it')
    .option('--json', 'as one JSON object', false)
    .option('--dry-run', 'say what would be done, and do nothing', false)
    .option('--yes', 'ask nothing', false)
    .addHelpText('after', SELECTION_HELP)
}

/** Of representations; which of their records, others say. */
function selection(command: Command): Command {
  return command
    .option('--project <name>', 'of this project')
    .option('--asset <name>', 'of this asset')
    .option('--subset <name>', 'of this subset')
    .option('--version <number>', 'of this version')
    .option('--name <name>', 'with this name, such as "ma"')
    .option('--all', 'everything')
}

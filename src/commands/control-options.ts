import { Command, Option } from 'commander'

import type { ExitCode } from './command-line.ts'
import type { ControlName, ControlOptions } from './controls.ts'

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

/** The commands that change records, with the options of a selection. */
export function addControls(program: Command, config: () => Option, ended: (code: ExitCode) => void): void {
  for (const [name, description] of COMMANDS) {
    selecting(program.command(name).description(description), config)
      .argument('[representation]', 'an id, a path, or asset/subset/version/name')
      .action(async (representation: string | undefined, options: ControlOptions) =>
        ended(await (await import('./controls.ts')).controlCommand(name, representation, options)),
      )
  }
  selecting(program.command('priority').description('which files go first: a number from 1 to 1000, higher first'), config)
    .argument('<priority>', 'from 1 to 1000; 50 is the default')
    .argument('[representation]', 'an id, a path, or asset/subset/version/name')
    .action(async (priority: string, representation: string | undefined, options: ControlOptions) =>
      ended(await (await import('./controls.ts')).controlCommand('priority', representation, options, priority)),
    )
}

function selecting(command: Command, config: () => Option): Command {
  return command
    .addOption(config())
    .option('--project <name>', 'of this project')
    .option('--asset <name>', 'of this asset')
    .option('--subset <name>', 'of this subset')
    .option('--version <number>', 'of this version')
    .option('--name <name>', 'with this name, such as "ma"')
    .option('--site <name>', 'records of this site; where files are to be added or removed')
    .option('--state <states>', 'records in one of these states')
    .option('--error <text>', 'records whose error has this text in it')
    .option('--all', 'everything')
    .option('--json', 'as one JSON object', false)
    .option('--dry-run', 'say what would be done, and do nothing', false)
    .option('--yes', 'ask nothing', false)
    .addHelpText('after', SELECTION_HELP)
}

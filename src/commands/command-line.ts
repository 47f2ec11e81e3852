import { Command, CommanderError, Option } from 'commander'

import { ConfigError, messageOf, UnsupportedServerError, UsageError } from '../errors.ts'
import { version } from '../version.ts'
import { addAdopt, addControls, addDiff, addReceipt, addVerify } from './control-options.ts'
import type { ImportOptions } from './import-settings.ts'
import { watchLastWords } from './last-words.ts'
import { complain } from './output.ts'
import type { StatusOptions } from './status.ts'
import { addTokens } from './token-options.ts'

export interface ConfigOption {
  readonly config: string
}

export interface LogOptions extends ConfigOption {
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug'
  readonly logFormat: 'auto' | 'json' | 'terminal'
}

/** 0 done · 1 something failed · 2 wrong usage or configuration. */
export type ExitCode = 0 | 1 | 2

/** Runs the command that `argv` names; resolves with the exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<ExitCode> {
  watchLastWords()
  let code: ExitCode = 0
  const program = build((result) => {
    code = result
  })
  try {
    await program.parseAsync([...argv])
    return code
  } catch (error) {
    // The library has said what it has to say; its code is 0 for --help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof ConfigError || error instanceof UnsupportedServerError || error instanceof UsageError) {
      complain(error.message)
      return 2
    }
    complain(messageOf(error))
    return 1
  }
}

const config = (): Option =>
  new Option('-c, --config <path>', 'configuration: a file, or a folder with config.json and files of sites')
    .env('SITE_SYNC_CONFIG')
    .makeOptionMandatory()

function build(ended: (code: ExitCode) => void): Command {
  const logging = [
    new Option('--log-level <level>', 'the least important lines to write').choices(['error', 'warn', 'info', 'debug']).default('info'),
    new Option('--log-format <format>', 'auto: short lines on a terminal, JSON elsewhere')
      .choices(['auto', 'json', 'terminal'])
      .default('auto'),
  ] as const

  const program = new Command('site-sync')
    .description('Keeps published files on every site that needs them: watches the database of a production and sends what is pending.')
    .version(version())
    // What comes after a command is its own, "--version" of a selection among it.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', AFTER_HELP)

  program
    .command('run')
    .description('the service: change stream, regular scans and transfers, until SIGTERM or SIGINT')
    .addOption(config())
    .option('--shadow', 'say what would be sent, beside another server, and write nothing to any database or site', false)
    .addOption(logging[0])
    .addOption(logging[1])
    .addHelpText(
      'after',
      '\nThe first SIGTERM or SIGINT lets running transfers finish (shutdown_grace seconds at most) and exits with 0; a second one ends them at once.',
    )
    .action(async (options: LogOptions & { shadow: boolean }) => ended(await (await import('./run.ts')).runCommand(options)))

  program
    .command('scan')
    .description('one pass over everything pending: sends it, waits for it, and ends')
    .addOption(config())
    .option('--once', 'one pass; this is what scan does anyway', true)
    .addOption(logging[0])
    .addOption(logging[1])
    .addHelpText('after', '\nExits with 0 when everything pending was synced, with 1 when something failed or a site was in trouble.')
    .action(async (options: LogOptions) => ended(await (await import('./scan.ts')).scanCommand(options)))

  program
    .command('status')
    .description('how sites and projects are doing: synced, pending, failed, exhausted, and what each instance says')
    .addOption(config())
    .option('--json', 'as one JSON object', false)
    .option('--once', 'print it once, also on a terminal', false)
    .option('--project <name>', 'this project only')
    .addHelpText(
      'after',
      '\nOn a terminal it is a live view: sites, running transfers and the newest errors, redrawn in place; q or Ctrl-C ends it.',
    )
    .action(async (options: StatusOptions) => ended(await (await import('./status.ts')).statusCommand(options)))

  program
    .command('explain')
    .description('why the files of a representation are, or are not, synced, and the command that mends it')
    .argument('<representation>', 'an id, a path, or asset/subset/version/name')
    .addOption(config())
    .option('--json', 'as one JSON object', false)
    .option('--project <name>', 'where to look; all projects otherwise')
    .addHelpText(
      'after',
      '\nOne line a file and site, in the order in which one would look: skeleton, created_dt, error and tries, source, the site itself.',
    )
    .action(async (representation: string, options: ConfigOption & { json: boolean; project?: string }) =>
      ended(await (await import('./explain.ts')).explainCommand(representation, options)),
    )

  program
    .command('accept-root')
    .description('another disk or share stands at the roots of a site on purpose: take it for the site from now on')
    .argument('<site>', 'its name')
    .addOption(config())
    .option('--json', 'as one JSON object', false)
    .option('--dry-run', 'say what would be done, and do nothing', false)
    .addHelpText(
      'after',
      '\nA root on disk is remembered once a file was written to it or read from it. One that is another disk later is taken for unmounted' +
        '\n(ROOT_MISSING): nothing is written there, and no tries are spent, until it is back or accepted by this command.',
    )
    .action(async (site: string, options: ConfigOption & { json: boolean; dryRun: boolean }) =>
      ended(await (await import('./accept-root.ts')).acceptRootCommand(site, options)),
    )

  program
    .command('doctor')
    .description('is everything there that the service needs: configuration, sites, MongoDB; and what mends what is not')
    .addOption(config())
    .option('--json', 'as one JSON object', false)
    .addHelpText(
      'after',
      '\nA small hidden file is written to each root of each site, and removed; nothing is written to any database.' +
        '\nExits with 0 when nothing failed, with 1 when something did, with 2 when the configuration does not load.',
    )
    .action(async (options: ConfigOption & { json: boolean }) => ended(await (await import('./doctor.ts')).doctorCommand(options)))

  program
    .command('import-settings')
    .description("the legacy settings, from OpenPype's database or a JSON file, as a configuration, and what could not be carried over")
    .argument('[source]', 'a file, or an address (mongodb://…); without it the address of the environment')
    .option('--out <path>', 'write the configuration there, for its owner alone, with its secrets; never over another file without --yes')
    .option('--json', 'as one JSON object: configuration and notes', false)
    .option('--dry-run', 'say what would be written, and write nothing', false)
    .option('--yes', 'replace the file of --out', false)
    .action(async (source: string | undefined, options: ImportOptions) =>
      ended(await (await import('./import-settings.ts')).importSettingsCommand(source, options)),
    )

  addControls(program, config, ended)
  addDiff(program, config, ended)
  addReceipt(program, config, ended)
  addVerify(program, config, ended)
  addAdopt(program, config, ended)
  addTokens(program, config, ended)
  acceptYes(program)
  return program
}

/** Scripts may give it whatever they call. */
function acceptYes(command: Command): void {
  for (const each of command.commands) acceptYes(each)
  if (command.commands.length > 0 || command.options.some(({ long }) => long === '--yes')) return
  command.option('--yes', 'accepted by every command; nothing is asked here', false)
}

const AFTER_HELP = `
Examples:
  $ site-sync run --config examples/config.json         sync until stopped
  $ site-sync scan --config studio/ --once              one pass, for cron
  $ site-sync status --config studio/ --json            for a monitor
  $ site-sync explain hero/model/3/ma -c studio/
  $ site-sync retry --site gdrive --state exhausted -c studio/

Exit codes: 0 done, 1 something failed, 2 wrong usage or configuration.`

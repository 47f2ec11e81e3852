import { Command, CommanderError, Option } from 'commander'

import { ConfigError } from '../../src/errors.ts'
import { redact } from '../../src/logging/redact.ts'
import { printable } from '../../src/logging/printable.ts'
import { runDemo } from './demo.ts'
import { Interrupted, listenForSignals } from './interrupt.ts'
import { RefusedError } from './refused-error.ts'
import { Screen } from './screen.ts'
import { runStudioDemo } from './studio-demo.ts'

export interface DemoOptions {
  /** Ends by itself after the table. */
  readonly once: boolean
  /** The user's own configuration instead of the demo's. */
  readonly config?: string
  /** `studio`: two workstations and a server, an instance each. */
  readonly topology: 'one' | 'studio'
  /** Leaves the files, and in a database of the user's the project, when it ends. */
  readonly keep: boolean
  /** Shows the service's own log lines. */
  readonly verbose: boolean
}

const AFTER_HELP = `
Examples:
  $ npm start                                      until Ctrl-C
  $ npm start -- --once                            ends by itself; exits with 0 when everything went as it should
  $ npm start -- --topology studio --once          a publish goes from a workstation to a cloud, a server and another workstation
  $ npm start -- --config studio/config.json       your sites; your replica set too, where mongo.uri or SITE_SYNC_MONGO_URI names it

Exit codes: 0 done (also when a signal ends the watching), 1 something did not go as it should, 2 wrong usage or configuration,
130 or 143 when a signal ends --once.`

/** The demo as a command; resolves with the exit code when nothing of it is left. */
export async function runDemoCommand(argv: readonly string[]): Promise<number> {
  const program = new Command('npm start --')
    .description('Shows Site Sync at work: publishes a small project, syncs it while you watch, and tells how it went')
    .option('--once', 'end after the table', false)
    .option('--config <path>', 'your configuration: a file, or a folder with config.json and files of sites')
    .addOption(
      new Option('--topology <name>', 'one service, or a studio of two workstations and a server that share the database')
        .choices(['one', 'studio'])
        .default('one')
        .conflicts('config'),
    )
    .option('--keep', 'leave the files when it ends', false)
    .option('--verbose', "show the service's own log lines too", false)
    .addHelpText('after', AFTER_HELP)
    .exitOverride()
    .allowExcessArguments(false)
    .showHelpAfterError('(npm start -- --help tells more)')
  try {
    program.parse([...argv])
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
  const options = program.opts<DemoOptions>()
  const interrupt = listenForSignals()
  try {
    const screen = new Screen(process.stdout)
    const run = options.topology === 'studio' ? runStudioDemo : runDemo
    return (await run(options, screen, interrupt.signal)) ? 0 : 1
  } catch (error) {
    if (interrupt.signal.aborted) {
      const { reason } = interrupt.signal as { reason: unknown }
      return options.once && reason instanceof Interrupted ? reason.exitCode : 0
    }
    process.stderr.write(`${toText(error)}\n`)
    return error instanceof ConfigError || error instanceof RefusedError ? 2 : 1
  } finally {
    interrupt.release()
  }
}

function toText(error: unknown): string {
  const text = redact(error instanceof Error ? error.message : String(error))
  return text.split('\n').map(printable).join('\n')
}

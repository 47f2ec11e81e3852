import path from 'node:path'

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'

import * as commands from './commands.ts'
import type { CommandResult, StartCommandOptions, Where } from './commands.ts'
import { givenUri, warningOf } from './given-uri.ts'
import { defaultReplicaSetDir } from './user-dirs.ts'

const EXAMPLES = `
Examples:
  npm run -s replica-set -- start --members 3     a set of three, in the background
  npm run -s replica-set -- seed                  a small production to sync, with its files
  npm run -s replica-set -- kill-primary          watch the service survive it
  npm run -s replica-set -- restart-member        start what was killed
  npm run -s replica-set -- stop --remove         end it and remove its data

Everything listens on 127.0.0.1 only. mongod is looked for in SITE_SYNC_MONGOD, MONGOMS_SYSTEM_BINARY, on the PATH and in what
an earlier start kept; otherwise it is downloaded once. With --uri-file,
SITE_SYNC_MONGO_URI or --uri nothing is started at all; a password belongs into one of the first two.
Exit codes: 0 done, 1 something failed or there is no primary, 2 wrong usage.`

interface GlobalOptions {
  readonly dir: string
  readonly uri?: string
  readonly uriFile?: string
  readonly json?: boolean
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`A whole number from ${least} to ${most} is expected.`)
    return value
  }
}

const port = wholeNumber(1, 65_535)

function oneOrThree(text: string): 1 | 3 {
  if (text !== '1' && text !== '3') throw new InvalidArgumentError('1 or 3 is expected.')
  return text === '1' ? 1 : 3
}

const program = new Command('replica-set')
  .description('A real MongoDB replica set on this machine, for development and tests')
  .addOption(new Option('--dir <dir>', 'where its data and state are kept').default(defaultReplicaSetDir(), 'below your state folder'))
  .addOption(new Option('--uri <uri>', 'use this replica set of yours; start, status and seed only').conflicts('uriFile'))
  .option('--uri-file <file>', 'the same from a file: every user of this machine can read what --uri says')
  .option('--json', 'one JSON object on stdout')
  .addHelpText('after', EXAMPLES)
  .showHelpAfterError('(--help tells more)')
  .exitOverride()

function command(name: string, description: string): Command {
  return program.command(name).description(description).exitOverride().configureHelp({ showGlobalOptions: true })
}

function onNote(note: string): void {
  process.stderr.write(`${note}\n`)
}

function where(of: Command): Where & { json: boolean } {
  const { dir, json = false, ...given } = of.optsWithGlobals<GlobalOptions>()
  const warning = warningOf(given)
  if (warning !== undefined) onNote(warning)
  return { dir: path.resolve(dir), uri: givenUri(given), json, onNote }
}

async function show(of: Command, run: (where: Where) => Promise<CommandResult>): Promise<void> {
  const { json, ...place } = where(of)
  const result = await run(place)
  console.log(json ? JSON.stringify(result.json) : result.lines.join('\n'))
  if (result.ok === false) process.exitCode = 1
}

command('start', 'start it, or find it running, and leave it running in the background; data is kept between runs')
  .option('--members <1|3>', 'how many mongods (default: as the folder holds, or 1)', oneOrThree)
  .option('--port <n>', 'port of the first member, the others take the next ones (default: as before, or any)', port)
  .option('--fresh', 'remove what the folder holds first')
  .option('--oplog-size-mb <n>', 'a small oplog, to lose history quickly', wholeNumber(1, 1_000_000))
  .option('--sync-delay-seconds <n>', 'seconds between checkpoints', wholeNumber(1, 3600))
  .option('--enable-test-commands', 'allow fail points')
  .action(async (options: StartCommandOptions, self: Command) => show(self, async (place) => commands.start(place, options)))

command('seed', 'put a small production into it: documents, and real files at the publish site')
  .option('--project <name>', 'project and collection', 'demo_film')
  .option('--database <name>', 'database of the projects', process.env['AVALON_DB'] ?? 'avalon')
  .option('--root <dir>', 'folder of the publish site (default: seed/<publish site> in the data folder)')
  .option('--publish-site <name>', 'site that has the files', 'studio')
  .option('--remote-site <name>', 'site that is to get them', 'gdrive')
  .action(async (options: Parameters<typeof commands.seed>[1], self: Command) => show(self, async (place) => commands.seed(place, options)))

command('status', 'members, their states and pids, the primary, the URI').action(async (_, self: Command) => show(self, commands.status))

command('stop', 'end all members')
  .option('--remove', 'remove the data too')
  .action(async (options: { remove?: boolean }, self: Command) => show(self, async (place) => commands.stop(place, options)))

command('kill-primary', 'SIGKILL the primary; with three members wait for the next one').action(async (_, self: Command) =>
  show(self, commands.killPrimary),
)

command('step-down', 'let the primary hand over').action(async (_, self: Command) => show(self, commands.stepDown))

command('restart-member', 'start the members that do not run, or stop and start the one on that port')
  .argument('[port]', 'port of the member', port)
  .action(async (member: number | undefined, _, self: Command) => show(self, async (place) => commands.restartMember(place, member)))

command('freeze-primary', 'SIGSTOP the primary: its sockets stay open, it answers nothing').action(async (_, self: Command) =>
  show(self, commands.freezePrimary),
)

command('thaw', 'let frozen members go on').action(async (_, self: Command) => show(self, commands.thaw))

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}

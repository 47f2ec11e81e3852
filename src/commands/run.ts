import type { ExitCode, LogOptions } from './command-line.ts'
import { runService } from './run-service.ts'

/** `run`: the service, until a signal ends it; with `--shadow` it only says what it would do. */
export async function runCommand(options: LogOptions & { readonly shadow: boolean }): Promise<ExitCode> {
  const { refused } = await runService(options, options.shadow ? 'shadow' : 'run')
  return refused ? 2 : 0
}

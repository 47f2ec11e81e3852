import type { ExitCode, LogOptions } from './command-line.ts'
import { runService } from './run-service.ts'

/** `run`: the service, until a signal ends it. */
export async function runCommand(options: LogOptions): Promise<ExitCode> {
  const { refused } = await runService(options, 'run')
  return refused ? 2 : 0
}

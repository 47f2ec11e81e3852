import type { ExitCode, LogOptions } from './command-line.ts'
import { runService } from './run-service.ts'

/** `scan`: one pass over everything pending. */
export async function scanCommand(options: LogOptions): Promise<ExitCode> {
  const { failed, troubled, refused } = await runService(options, 'once')
  if (refused) return 2
  return failed > 0 || troubled.size > 0 ? 1 : 0
}

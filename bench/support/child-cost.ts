import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { now } from './clock.ts'
import { cpuSecondsOfEndedChildren } from './cpu-time.ts'
import type { Cost } from './large-file.ts'

const run = promisify(execFile)

/** Of programs, one after the other; no other child of this process may end meanwhile. */
export async function costOf(...commands: readonly (readonly [program: string, ...args: string[]])[]): Promise<Cost> {
  const [startedAt, cpu] = [now(), cpuSecondsOfEndedChildren()]
  for (const [program, ...args] of commands) await run(program, args)
  return { seconds: (now() - startedAt) / 1_000, cpuSeconds: cpuSecondsOfEndedChildren() - cpu }
}

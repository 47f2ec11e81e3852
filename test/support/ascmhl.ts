import { execFile, spawnSync } from 'node:child_process'

import { hasTool } from './tool-check.ts'

/** `.ci/run` installs it, by `test/support/ascmhl-requirements.txt`. */
const PROGRAM = process.env['SITE_SYNC_TEST_ASCMHL'] ?? 'ascmhl'

/** Is the reference implementation of ASC MHL on this machine? */
export const HAS_ASCMHL = hasTool(
  'ascmhl',
  () => spawnSync(PROGRAM, ['--version']).status === 0,
  'pip install --require-hashes -r test/support/ascmhl-requirements.txt, or SITE_SYNC_TEST_ASCMHL=PATH',
)

/** What its exit codes mean. */
export const ASCMHL = { fine: 0, missing: 10, changed: 11, added: 21, manifestChanged: 31 } as const

/** Runs it. Its `verify` is a command of the second program that comes with it. */
export async function ascmhl(command: string, ...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const program = command === 'verify' ? `${PROGRAM}-debug` : PROGRAM
  // It would look for a newer version of itself; nothing listens there.
  const env = { ...process.env, PYTHONUTF8: '1', HTTPS_PROXY: 'http://127.0.0.1:1', https_proxy: 'http://127.0.0.1:1' }
  return await new Promise((resolve) => {
    execFile(program, [command, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: `${stdout}${stderr}` })
    })
  })
}

import { execFile, spawnSync } from 'node:child_process'

/** `.ci/run` installs it, by `test/support/ascmhl-requirements.txt`. */
const PROGRAM = process.env['SITE_SYNC_TEST_ASCMHL'] ?? 'ascmhl'

/** Is the reference implementation of ASC MHL on this machine? Where all tests are to run, it has to be. */
export const HAS_ASCMHL = isThere()

function isThere(): boolean {
  if (spawnSync(PROGRAM, ['--version']).status === 0) return true
  const how = 'pip install --require-hashes -r test/support/ascmhl-requirements.txt, or SITE_SYNC_TEST_ASCMHL=PATH'
  if (process.env['CI'] !== undefined) throw new Error(`${PROGRAM} is not there: ${how}`)
  console.warn(`left out: tests that run ${PROGRAM}, which is not there (${how})`)
  return false
}

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

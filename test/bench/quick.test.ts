import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

/** Those whose figures a busy machine does not upset, and which need nothing from elsewhere. */
const ROWS = '3,8,12'

test('no benchmark is far worse than it was', async () => {
  const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))
  const run = promisify(execFile)(process.execPath, [main, '--quick', '--rows', ROWS], { env: process.env, maxBuffer: 1e7 })
  const { code, stdout } = await run.then(
    (ended) => ({ code: 0, ...ended }),
    (error: { code?: number; stdout?: string; message: string }) => ({ code: error.code ?? -1, stdout: error.stdout ?? error.message }),
  )
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}`)
  for (const row of ROWS.split(',')) expect(stdout).toContain(`Row ${row}:`)
}, 300_000)

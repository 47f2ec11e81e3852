import { execFile, spawnSync } from 'node:child_process'

import { hasTool } from './tool-check.ts'

/** `.ci/run` unpacks it. */
const PROGRAM = process.env['SITE_SYNC_TEST_PROMTOOL'] ?? 'promtool'

/** Is Prometheus' own tool on this machine? */
export const HAS_PROMTOOL = hasTool(
  'promtool',
  () => spawnSync(PROGRAM, ['--version']).status === 0,
  'apt-get install prometheus, or SITE_SYNC_TEST_PROMTOOL=PATH',
)

export async function promtool(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  return await new Promise((resolve) => {
    execFile(PROGRAM, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: `${stdout}${stderr}` })
    })
  })
}

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const MAIN = join(import.meta.dirname, '../../src/main.ts')
const PATIENCE_MS = 120_000

/** As a person gives it: again, when the database was unavailable, or a document changed under it. Each is safe to be run again. */
export async function command(config: string, ...args: readonly string[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--json', '--config', config])
      if (((JSON.parse(stdout) as { skipped?: number }).skipped ?? 0) === 0) return
    } catch (error) {
      if (performance.now() > deadline || (error as { code?: unknown }).code === 2) throw error
      await delay(500)
    }
  }
}

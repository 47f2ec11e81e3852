import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { summarise } from './support/test-summary.ts'
import type { JsonReport } from './support/test-summary.ts'

// Runs vitest and says at the very end, in one line, how it went. Arguments (paths, filters, options) are passed on.

const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const dir = await mkdtemp(path.join(tmpdir(), 'test-report-'))
const reportFile = path.join(dir, 'report.json')

const child = spawn(
  process.execPath,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    // Hundreds of processes are started from the same sources: each is compiled once.
    env: { ...process.env, NODE_COMPILE_CACHE: path.join(dir, 'compiled') },
  },
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const exitCode = await new Promise<number | null>((resolve, reject) => {
  child.once('error', reject)
  child.once('close', resolve)
})

const report = await readFile(reportFile, 'utf8').then(
  (json) => JSON.parse(json) as JsonReport,
  () => undefined,
)
await rm(dir, { recursive: true, force: true })

const { lines, ok } = summarise(report, exitCode)
process.exitCode = ok ? 0 : 1
console.log(lines.join('\n'))

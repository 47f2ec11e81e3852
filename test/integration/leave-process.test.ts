import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, onTestFinished, test } from 'vitest'

const LEAVE = new URL('../../src/leave-process.ts', import.meta.url)
const LAST_WORDS = new URL('../../src/commands/last-words.ts', import.meta.url)

/** Waits, in threads, for a file that nobody writes to. */
const STUCK = `
import { open } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
const [, , fifo] = process.argv
open(fifo)
new Worker("require('node:fs').openSync(require('node:worker_threads').workerData)", { eval: true, workerData: fifo })
`

/** Runs it as a program of its own, and tells how it ended, and what it said on standard error. */
async function ran(code: string): Promise<readonly [code: unknown, signal: unknown, stderr: string]> {
  const folder = await mkdtemp(join(tmpdir(), 'site-sync-leave-'))
  await promisify(execFile)('mkfifo', [join(folder, 'fifo')])
  await writeFile(join(folder, 'main.mjs'), code)
  const child = fork(join(folder, 'main.mjs'), [join(folder, 'fifo')], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const [exitCode, signal] = (await once(child, 'close')) as unknown[]
  return [exitCode, signal, stderr]
}

test.skipIf(process.platform === 'win32')('a process is left with its exit code, whatever its threads wait for', async () => {
  const code = `${STUCK}
import { leaveProcess } from '${LEAVE.href}'
process.exitCode = 3
setTimeout(leaveProcess, 500)`
  expect(await ran(code)).toEqual([3, null, ''])
})

test.skipIf(process.platform === 'win32')('so does an error that nobody caught end it', async () => {
  const code = `${STUCK}
import { watchLastWords } from '${LAST_WORDS.href}'
watchLastWords()
setTimeout(() => { throw new Error('nobody caught it') }, 500)`
  expect(await ran(code)).toEqual([1, null, expect.stringContaining('Error: nobody caught it')])
})

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const at = (path: string): string => JSON.stringify(fileURLToPath(new URL(`../../../src/${path}`, import.meta.url)))

/** What a process says that does this with the secret `marked-hunter2`. */
function lastWords(work: string): { readonly status: number | null; readonly stderr: string } {
  const program = `
    import { watchLastWords } from ${at('commands/last-words.ts')}
    import { registerSecret } from ${at('secrets.ts')}
    watchLastWords()
    registerSecret('password', 'marked-hunter2')
    ${work}`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  return { status, stderr }
}

test.each([
  ['an error that nobody caught', 'setTimeout(() => { throw new TypeError("not marked-hunter2\\u001b[2J") })'],
  ['a rejection that nobody heard of', 'void Promise.reject(new TypeError("not marked-hunter2\\u001b[2J"))'],
])('%s ends the process with 1, and is told without secrets', (_what, work) => {
  const { status, stderr } = lastWords(work)
  expect(status).toBe(1)
  expect(stderr).toContain('TypeError: not [redacted]\\x1b[2J')
  expect(stderr).not.toContain('hunter2')
})

test('a warning is told without secrets', () => {
  const { status, stderr } = lastWords('process.emitWarning("see marked-hunter2", "OddWarning")')
  expect([status, stderr]).toEqual([0, 'OddWarning: see [redacted]\n'])
})

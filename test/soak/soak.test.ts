import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, 'main.ts')

test('a short soak ends with everything in its place', { timeout: 360_000 }, async () => {
  const args = ['--minutes', '0.6', '--files', '150', '--every', '9', '--seed', '5']
  // What it has found is on standard output, whatever its exit code.
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args]).catch((error: { stdout: string }) => error)
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as object
  expect(result).toMatchObject({
    files: 150,
    unmarked: 0,
    lost: { studio: 0, nas: 0, artist: 0, gdrive: 0 },
    duplicates: 0,
    strangers: 0,
    exitCodes: [0, 0, 0],
  })
})

import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, onTestFinished, test } from 'vitest'

const run = promisify(execFile)
const SCRIPT = fileURLToPath(new URL('../../node.sh', import.meta.url))

/** Folders on the PATH, each with a `node` of some version; what the script runs says where it is, and its arguments. */
async function chosen(...folders: readonly (readonly [name: string, version: string])[]): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'node-choice-'))
  onTestFinished(async () => rm(dir, { recursive: true, force: true }))
  for (const [name, version] of folders) {
    const node = path.join(dir, name, 'node')
    await mkdir(path.dirname(node), { recursive: true })
    await writeFile(node, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\necho "${name}: $*"\n`)
    await chmod(node, 0o755)
  }
  const PATH = [...folders.map(([name]) => path.join(dir, name)), '/nowhere', '/bin'].join(':')
  const { stdout } = await run('/bin/sh', [SCRIPT, '--flag', 'a b'], { env: { PATH } })
  return stdout.trim()
}

const BUNDLED = ['node_modules/.bin', 'v24.21.0'] as const

test.skipIf(process.platform === 'win32').each([
  ['a system Node that is new enough is preferred', [BUNDLED, ['usr/bin', 'v24.0.0']], 'usr/bin'],
  ['the first of several', [BUNDLED, ['old', 'v20.20.2'], ['new', 'v26.1.0'], ['newer', 'v28.0.0']], 'new'],
  ['an older one is not', [BUNDLED, ['usr/bin', 'v20.20.2']], 'node_modules/.bin'],
  ['nor one that says nothing of use', [BUNDLED, ['usr/bin', 'nightly']], 'node_modules/.bin'],
  ['without the package the system has to do', [['usr/bin', 'v20.20.2']], 'usr/bin'],
] as const)('%s', async (_, folders, expected) => {
  expect(await chosen(...folders)).toBe(`${expected}: --flag a b`)
})

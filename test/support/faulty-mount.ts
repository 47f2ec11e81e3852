import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdir, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { onTestFinished } from 'vitest'

import type { Faults } from './fuse/pass-through.ts'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('fuse/main.ts', import.meta.url))

/** May this process mount file systems of its own? Otherwise the tests that need one are skipped, by name; in CI root can, or they fail. */
export const CAN_MOUNT =
  process.platform === 'linux' && process.getuid?.() === 0 && (process.env['CI'] !== undefined || (await isThere('/dev/fuse')))

/** A folder with a file system that passes on what it is asked to another folder, but for the faults that it is told of. */
export interface FaultyMount {
  /** From now on, instead of what was said before. */
  fail(faults: Partial<Faults>): Promise<void>
  /** From now on no call comes back. */
  freeze(): void
}

/** Serves what is in `folder` now, and what is written to it, at the same path. Goes when the test ends. */
export async function faultyMount(folder: string, faults: Partial<Faults> = {}): Promise<FaultyMount> {
  const backing = `${folder}.backing`
  const file = `${folder}.faults.json`
  await mkdir(folder, { recursive: true })
  await rename(folder, backing)
  await mkdir(folder)
  const fail: FaultyMount['fail'] = async (next) => {
    await writeFile(`${file}.new`, JSON.stringify({ rules: [], ...next } satisfies Faults))
    await rename(`${file}.new`, file)
  }
  await fail(faults)
  const server = fork(MAIN, [backing, folder, file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
  const ended = once(server, 'exit')
  onTestFinished(async () => {
    await run('umount', ['-l', folder]).catch(() => undefined)
    server.kill('SIGKILL')
    await ended
  })
  const [said] = (await Promise.race([once(server, 'message'), ended])) as unknown[]
  if (said !== 'mounted') throw new Error(`${folder} could not be mounted`)
  return { fail, freeze: () => void server.kill('SIGSTOP') }
}

async function isThere(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
}

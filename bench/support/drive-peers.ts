import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { FakeDriveProcess } from './fake-drive-process.ts'
import { pythonDrive, pythonEnv, rclone } from './peers.ts'
import { TlsFront } from './tls-front.ts'

const run = promisify(execFile)
const LEGACY = fileURLToPath(new URL('legacy-uploads.py', import.meta.url))
const AT_ONCE = 7
const CHUNK = 2 * 1024 * 1024

export interface DrivePeers {
  readonly leftOut: readonly string[]
  /** Seconds to upload the folders of a folder, with the interpreter warm; undefined when it could not be had. */
  readonly python: ((source: string, folderId: string) => Promise<number>) | undefined
  /** Seconds of the whole program. */
  readonly rclone: ((source: string, folderId: string) => Promise<number>) | undefined
}

/** What else uploads to the fake Drive. What it takes is given back by `stack`; `dir` is for its files. */
export async function drivePeers(
  drive: FakeDriveProcess,
  dir: string,
  stack: AsyncDisposableStack,
  say: (line: string) => void,
): Promise<DrivePeers> {
  const leftOut: string[] = []
  const packages = await pythonDrive(say)
  if ('missing' in packages) leftOut.push(packages.missing)
  const program = await rclone(say)
  if ('missing' in program) leftOut.push(program.missing)
  let front: TlsFront | undefined
  try {
    front = stack.use(await TlsFront.start('www.googleapis.com', drive.endpoint, dir))
  } catch (error) {
    leftOut.push(`rclone: it takes no other address than Google's own, and a certificate could not be made: ${String(error)}`)
  }

  return {
    leftOut,
    python:
      'path' in packages
        ? async (source, folderId) => {
            const args = [LEGACY, drive.endpoint, drive.credentials, folderId, String(AT_ONCE), String(CHUNK), source]
            const { stdout } = await run('python3', args, { env: pythonEnv(packages.path) })
            return (JSON.parse(stdout) as { seconds: number }).seconds
          }
        : undefined,
    rclone:
      'path' in program && front !== undefined
        ? async (source, folderId) => {
            const account = ['--drive-scope', 'drive', '--drive-service-account-file', drive.credentials]
            const place = ['--drive-root-folder-id', folderId, '--ca-cert', front.certificate]
            // As fast as it can: its pacer is off, and as many files at once as ours.
            const speed = ['--drive-pacer-min-sleep', '0', '--drive-pacer-burst', '100000', '--transfers', '8']
            const env = { PATH: process.env['PATH'] ?? '', HTTPS_PROXY: front.url }
            const started = performance.now()
            await run(program.path, ['copy', '--config', '', ...account, ...place, ...speed, source, ':drive:'], { env })
            return (performance.now() - started) / 1_000
          }
        : undefined,
  }
}

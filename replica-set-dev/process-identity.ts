import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

import { poll } from './poll.ts'

const run = promisify(execFile)

/** A mongod as we can find it again. A pid alone may belong to another process by now; no two mongods share a data folder. */
export interface MongodIdentity {
  readonly pid: number
  readonly dbPath: string
}

/** Is that process still this mongod? A process that ended and waits for its parent (a zombie) is not. */
export async function isRunning({ pid, dbPath }: MongodIdentity): Promise<boolean> {
  if (process.platform === 'linux') {
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    return args.includes(dbPath)
  }
  return (await commandLine(pid)).includes(dbPath)
}

async function commandLine(pid: number): Promise<string> {
  const asked =
    process.platform === 'win32'
      ? run('powershell', ['-NoProfile', '-Command', `(Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}').CommandLine`])
      : run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return asked.then(
    ({ stdout }) => stdout,
    () => '',
  )
}

/** Sends the signal if that process is still this mongod; tells whether it was. */
export async function signalMongod(mongod: MongodIdentity, signal: NodeJS.Signals): Promise<boolean> {
  if (!(await isRunning(mongod))) return false
  try {
    process.kill(mongod.pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

export async function waitUntilGone(mongod: MongodIdentity, timeoutMs: number): Promise<void> {
  await poll(async () => !(await isRunning(mongod)), { what: `end of the mongod with pid ${mongod.pid}`, timeoutMs })
}

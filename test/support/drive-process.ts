import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import type { Fault, Operation } from './fake-drive/faults.ts'
import { RemoteDrive, type DriveAddress } from './fake-drive/remote-drive.ts'
import type { FakeDriveSettings } from './fake-drive/settings.ts'
import { waitFor } from './wait-for.ts'

const MAIN = fileURLToPath(new URL('./fake-drive/main.ts', import.meta.url))

/** The fake Drive as a process of its own, with the folder `/My Drive/w`. It is gone when the test ends. */
export class DriveProcess extends RemoteDrive {
  static async start(settings: Partial<FakeDriveSettings> = {}): Promise<DriveProcess> {
    const dir = await mkdtemp(join(tmpdir(), 'drive-process-'))
    const child = spawn(process.execPath, [MAIN, '--dir', dir, '--settings', JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'close')
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await ended
      await rm(dir, { recursive: true, force: true })
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await waitFor('the fake Drive', () => output.includes('\n'), { withinMs: 30_000 })
    const drive = new DriveProcess(JSON.parse(output) as DriveAddress)
    await drive.tell('call', { method: 'addFolder', args: ['w'] })
    return drive
  }

  async count(...operations: readonly Operation[]): Promise<number> {
    return (await this.state()).journal.filter(({ operation }) => operations.includes(operation)).length
  }

  async fault(fault: Fault): Promise<void> {
    await this.tell('fault', fault)
  }
}

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { RemoteDrive, type DriveAddress } from '../../test/support/fake-drive/remote-drive.ts'
import type { FakeDriveSettings } from '../../test/support/fake-drive/settings.ts'

const MAIN = fileURLToPath(new URL('../../test/support/fake-drive/main.ts', import.meta.url))

/** The strict fake of Google Drive as a process of its own, with the folder `/My Drive/w`. It keeps checksums, no bytes. */
export class FakeDriveProcess extends RemoteDrive implements AsyncDisposable {
  /** Id of `/My Drive/w`. */
  folder = ''
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, address: DriveAddress) {
    super(address)
    this.#child = child
  }

  /** `dir` is where the key is written. */
  static async start(dir: string, settings: Partial<FakeDriveSettings> = {}): Promise<FakeDriveProcess> {
    const all = JSON.stringify({ keepBytesBelow: 0, ...settings })
    const child = spawn(process.execPath, [MAIN, '--dir', dir, '--settings', all], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
      const drive = new FakeDriveProcess(child, JSON.parse(line) as DriveAddress)
      drive.folder = await drive.addFolder('w')
      return drive
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Every request takes at least that long from now on. */
  async setLatency(latencyMs: number): Promise<void> {
    await this.tell('settings', { latencyMs })
  }

  /** Resolves with the id of a new folder, below `/My Drive/w` unless told otherwise. */
  async addFolder(name: string, parent = this.folder): Promise<string> {
    const args = parent === '' ? [name] : [name, { parent }]
    return (JSON.parse(await this.tell('call', { method: 'addFolder', args })) as { result: string }).result
  }

  async delete(id: string): Promise<void> {
    await this.tell('call', { method: 'delete', args: [id] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    await ended
  }
}

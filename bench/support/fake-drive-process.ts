import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import type { FakeDriveSettings } from '../../test/support/fake-drive/settings.ts'
import type { DriveState } from '../../test/support/drive-process.ts'

const MAIN = fileURLToPath(new URL('../../test/support/fake-drive/main.ts', import.meta.url))

/** The strict fake of Google Drive as a process of its own, with the folder `/My Drive/w`. It keeps checksums, no bytes. */
export class FakeDriveProcess implements AsyncDisposable {
  readonly endpoint: string
  /** Path of the account's key. */
  readonly credentials: string
  /** Id of `/My Drive/w`. */
  folder = ''
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, { endpoint, credentials }: { readonly endpoint: string; readonly credentials: string }) {
    this.#child = child
    this.endpoint = endpoint
    this.credentials = credentials
  }

  /** `dir` is where the key is written. */
  static async start(dir: string, settings: Partial<FakeDriveSettings> = {}): Promise<FakeDriveProcess> {
    const all = JSON.stringify({ keepBytesBelow: 0, ...settings })
    const child = spawn(process.execPath, [MAIN, '--dir', dir, '--settings', all], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
      const drive = new FakeDriveProcess(child, JSON.parse(line) as { endpoint: string; credentials: string })
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

  /** Of the configuration of a service. */
  site(more: object = {}): object {
    return { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: this.credentials, api_endpoint: this.endpoint, ...more }
  }

  /** Every request takes at least that long from now on. */
  async setLatency(latencyMs: number): Promise<void> {
    await this.#tell('settings', { latencyMs })
  }

  /** Resolves with the id of a new folder, below `/My Drive/w` unless told otherwise. */
  async addFolder(name: string, parent = this.folder): Promise<string> {
    const args = parent === '' ? [name] : [name, { parent }]
    return ((await this.#tell('call', { method: 'addFolder', args })) as { result: string }).result
  }

  /** Everything it was asked for, and everything it has. */
  async state(): Promise<DriveState> {
    return (await (await fetch(`${this.endpoint}/_fake/state`)).json()) as DriveState
  }

  async delete(id: string): Promise<void> {
    await this.#tell('call', { method: 'delete', args: [id] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    await ended
  }

  async #tell(what: string, body: object): Promise<unknown> {
    const answer = await fetch(`${this.endpoint}/_fake/${what}`, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`the fake Drive answers ${answer.status} to ${what}`)
    return await answer.json()
  }
}

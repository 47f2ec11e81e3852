import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import type { StoredFile } from './fake-drive/fake-drive.ts'
import type { Fault, Operation } from './fake-drive/faults.ts'
import type { JournalEntry } from './fake-drive/journal.ts'
import type { FakeDriveSettings } from './fake-drive/settings.ts'
import { waitFor } from './wait-for.ts'

const MAIN = fileURLToPath(new URL('./fake-drive/main.ts', import.meta.url))

export interface DriveState {
  readonly files: readonly Omit<StoredFile, 'bytes'>[]
  readonly tree: readonly string[]
  /** The most uploads that were served at once. */
  readonly concurrentUploads: number
  readonly journal: readonly Omit<JournalEntry, 'authorization'>[]
}

/** The fake Drive as a process of its own, with the folder `/My Drive/w`. It is gone when the test ends. */
export class DriveProcess {
  readonly endpoint: string
  /** Path of the account's key. */
  readonly credentials: string

  private constructor(parts: { readonly endpoint: string; readonly credentials: string }) {
    this.endpoint = parts.endpoint
    this.credentials = parts.credentials
  }

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
    const drive = new DriveProcess(JSON.parse(output) as { endpoint: string; credentials: string })
    await drive.#tell('call', { method: 'addFolder', args: ['w'] })
    return drive
  }

  async state(): Promise<DriveState> {
    return (await (await fetch(`${this.endpoint}/_fake/state`)).json()) as DriveState
  }

  async count(...operations: readonly Operation[]): Promise<number> {
    return (await this.state()).journal.filter(({ operation }) => operations.includes(operation)).length
  }

  async fault(fault: Fault): Promise<void> {
    await this.#tell('fault', fault)
  }

  async #tell(what: string, body: object): Promise<void> {
    const answer = await fetch(`${this.endpoint}/_fake/${what}`, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`the fake Drive answers ${answer.status} to ${what}`)
    await answer.body?.cancel()
  }

  /** Of the configuration. */
  site(more: object = {}): object {
    return { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: this.credentials, api_endpoint: this.endpoint, ...more }
  }
}

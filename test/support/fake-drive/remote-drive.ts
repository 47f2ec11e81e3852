import type { StoredFile } from './fake-drive.ts'
import type { JournalEntry } from './journal.ts'

export interface DriveState {
  readonly files: readonly Omit<StoredFile, 'bytes'>[]
  readonly tree: readonly string[]
  /** The most uploads that were served at once. */
  readonly concurrentUploads: number
  readonly journal: readonly Omit<JournalEntry, 'authorization'>[]
}

/** What a fake Drive in another process says of itself on its first line. */
export interface DriveAddress {
  readonly endpoint: string
  /** Path of the account's key. */
  readonly credentials: string
}

/** A fake Drive in another process: what may be asked of it besides what Drive can do. */
export class RemoteDrive implements DriveAddress {
  readonly endpoint: string
  readonly credentials: string

  constructor({ endpoint, credentials }: DriveAddress) {
    this.endpoint = endpoint
    this.credentials = credentials
  }

  /** Everything it was asked for, and everything it has. */
  async state(): Promise<DriveState> {
    return (await (await fetch(`${this.endpoint}/_fake/state`)).json()) as DriveState
  }

  /** Of the configuration of a service. */
  site(more: object = {}): object {
    return { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: this.credentials, api_endpoint: this.endpoint, ...more }
  }

  /** Gives the text of its answer. */
  protected async tell(what: string, body: object): Promise<string> {
    const answer = await fetch(`${this.endpoint}/_fake/${what}`, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`the fake Drive answers ${answer.status} to ${what}`)
    return await answer.text()
  }
}

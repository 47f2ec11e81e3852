import type { Exchange, Reply } from './exchange.ts'
import { contentOf } from './content.ts'
import { ACCOUNT_EMAIL, writeCredentials } from './credentials.ts'
import { Faults } from './faults.ts'
import type { Fault } from './faults.ts'
import { FilesApi } from './files-api.ts'
import { Journal } from './journal.ts'
import { FakeDriveServer } from './server.ts'
import { DEFAULTS } from './settings.ts'
import type { FakeDriveSettings } from './settings.ts'
import { FOLDER, SHORTCUT, Store } from './store.ts'
import type { Entry, Role } from './store.ts'
import { TokenEndpoint } from './token-endpoint.ts'
import { UploadApi } from './upload-api.ts'

/** A file as a test sees it. */
export interface StoredFile {
  readonly id: string
  readonly name: string
  /** Names from the top down: `My Drive/a/b.exr`. */
  readonly path: string
  readonly parent: string | undefined
  readonly size: number
  readonly md5: string
  readonly sha256: string
  /** Undefined for those too large to be kept. */
  readonly bytes: Buffer | undefined
  readonly modifiedTime: string
  readonly revisions: number
}

export interface Sharing {
  /** In which folder; the account's own drive when left out. */
  readonly parent?: string
  readonly createdTime?: string
  readonly mine?: boolean
}

/** Google Drive on 127.0.0.1, as strict as the real one. Close it when done. */
export class FakeDrive implements AsyncDisposable {
  readonly email = ACCOUNT_EMAIL
  readonly store = new Store()
  readonly journal = new Journal()
  readonly settings: { -readonly [K in keyof FakeDriveSettings]: FakeDriveSettings[K] }
  readonly #faults = new Faults()
  readonly #tokens: TokenEndpoint
  readonly #uploads: UploadApi
  readonly #server: FakeDriveServer

  constructor(settings: FakeDriveSettings) {
    this.settings = { ...settings }
    this.#tokens = new TokenEndpoint({ lifetimeSeconds: settings.tokenLifetimeSeconds, diesAfterMs: settings.tokenDiesAfterMs })
    const files = new FilesApi(this.store, this.settings)
    this.#uploads = new UploadApi(this.store, files, this.settings)
    this.#server = new FakeDriveServer({
      store: this.store,
      files,
      uploads: this.#uploads,
      settings: this.settings,
      tokens: this.#tokens,
      faults: this.#faults,
      journal: this.journal,
      control: async (exchange) => await this.#control(exchange),
    })
  }

  async listen(): Promise<void> {
    await this.#server.listen(this.settings.port)
  }

  async close(): Promise<void> {
    await this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Scheme, host and port. */
  get endpoint(): string {
    return this.#server.origin
  }

  get tokensIssued(): number {
    return this.#tokens.issued
  }

  get myDrive(): string {
    return this.store.myDrive
  }

  /** Resolves with the path of a service account's JSON key for this server. */
  async writeCredentials(directory: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return await writeCredentials(directory, `${this.endpoint}/token`, more)
  }

  expireTokens(): void {
    this.#tokens.revokeAll()
  }

  /** Session addresses name this origin instead of the server's own. */
  set sessionOrigin(origin: string) {
    this.#uploads.sessionOrigin = origin
  }

  fault(fault: Fault): void {
    this.#faults.add(fault)
  }

  clearFaults(): void {
    this.#faults.clear()
  }

  get faultsPending(): number {
    return this.#faults.pending
  }

  /** Returns the folder's id. */
  addFolder(name: string, { parent = this.myDrive, ...more }: Sharing = {}): string {
    return this.store.add({ name, parent, mine: this.store.peek(parent)?.mine ?? false, ...more }).id
  }

  /** A person's folder that is shared with the account; returns its id. */
  addSharedFolder(name: string, role: Role = 'writer'): string {
    const theirs = this.store.add({ name: 'Their Drive', parent: undefined })
    return this.store.add({ name, parent: theirs.id, role, sharedWithMe: true }).id
  }

  /** Returns its id, which is that of its top folder, too. `null`: the account is no member. */
  addSharedDrive(name: string, role: Role | null = 'fileOrganizer'): string {
    const id = this.store.generateId()
    return this.store.add({ id, name, parent: undefined, driveId: id, role: role ?? undefined }).id
  }

  /** Makes the account a member of one folder, which need not be one of all that is above it. */
  share(id: string, role: Role = 'fileOrganizer'): void {
    Object.assign(this.#entry(id), { role, sharedWithMe: true })
  }

  addFile(name: string, content: string | Buffer, { parent = this.myDrive, ...more }: Sharing = {}): string {
    const mine = this.store.peek(parent)?.mine ?? false
    return this.store.add({ name, parent, mine, content: contentOf(Buffer.from(content)), ...more }).id
  }

  addShortcut(name: string, target: string, { parent = this.myDrive }: Sharing = {}): string {
    return this.store.add({ name, parent, target, mimeType: SHORTCUT, mine: true }).id
  }

  trash(id: string): void {
    this.#entry(id).explicitlyTrashed = true
  }

  delete(id: string): void {
    this.store.delete(this.#entry(id))
  }

  setRole(id: string, role: Role | undefined): void {
    this.#entry(id).role = role
  }

  /** Everything with content that is not in the trash. */
  files(): StoredFile[] {
    return this.#living().flatMap((entry) => {
      const content = entry.revisions.at(-1)?.content
      if (content === undefined) return []
      const { id, name, parent, modifiedTime, revisions } = entry
      return [{ id, name, path: this.store.pathOf(entry), parent, ...content, modifiedTime, revisions: revisions.length }]
    })
  }

  file(path: string): StoredFile | undefined {
    return this.files().find((file) => file.path === path)
  }

  /** Paths of all files, and of all folders with a slash at the end, in order; the trash and the tops of drives are left out. */
  tree(): string[] {
    const below = this.#living().filter((entry) => entry.parent !== undefined)
    return below.map((entry) => this.store.pathOf(entry) + (entry.mimeType === FOLDER ? '/' : '')).sort()
  }

  /** For tests in another process: `GET /_fake/state`, `POST /_fake/fault`, `/_fake/call` with `{method, args}`, `/_fake/settings`. */
  async #control(exchange: Exchange): Promise<Reply> {
    const what = exchange.url.pathname.slice('/_fake/'.length)
    if (what === 'state') {
      const files = this.files().map(({ bytes: _bytes, ...file }) => file)
      const { tokensIssued: tokens } = this
      const { concurrentUploads } = this.journal
      const journal = this.journal.entries.map(({ authorization: _secret, ...entry }) => entry)
      return { status: 200, body: { files, tree: this.tree(), tokens, concurrentUploads, journal } }
    }
    const json = await exchange.json()
    if (what === 'fault') this.fault(json as unknown as Fault)
    else if (what === 'settings') Object.assign(this.settings, json)
    else if (what === 'call') {
      const method = CALLS.find((name) => name === json['method'])
      if (method === undefined) return { status: 404 }
      return {
        status: 200,
        body: { result: (this[method] as (...args: unknown[]) => unknown)(...((json['args'] ?? []) as unknown[])) ?? null },
      }
    } else return { status: 404 }
    return { status: 200, body: {} }
  }

  #living(): Entry[] {
    return this.store.all().filter((entry) => !this.store.isTrashed(entry))
  }

  #entry(id: string): Entry {
    const entry = this.store.peek(id)
    if (entry === undefined) throw new Error(`there is no item ${id}`)
    return entry
  }
}

const CALLS = [
  'addFolder',
  'addSharedFolder',
  'addSharedDrive',
  'share',
  'addFile',
  'addShortcut',
  'trash',
  'delete',
  'setRole',
  'expireTokens',
  'clearFaults',
] as const

export async function startFakeDrive(settings: Partial<FakeDriveSettings> = {}): Promise<FakeDrive> {
  const drive = new FakeDrive({ ...DEFAULTS, ...settings })
  await drive.listen()
  return drive
}

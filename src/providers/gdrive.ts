import type { Readable } from 'node:stream'

import { SyncError } from '../errors.ts'
import { displayPath } from '../model/root-path.ts'
import type { RootedPath, Site } from '../model/site.ts'
import { readAccountKey } from './gdrive/account-key.ts'
import type { AccountKey } from './gdrive/account-key.ts'
import { atRoot } from './gdrive/at-root.ts'
import { begun } from './gdrive/begun.ts'
import { UPLOAD_SIZES } from './gdrive/chunk-size.ts'
import type { UploadSizes } from './gdrive/chunk-size.ts'
import { systemClock } from './gdrive/clock.ts'
import type { Clock } from './gdrive/clock.ts'
import { connect } from './gdrive/connection.ts'
import type { Connection } from './gdrive/connection.ts'
import { download } from './gdrive/download.ts'
import { Folders } from './gdrive/folders.ts'
import type { Timeouts } from './gdrive/http-client.ts'
import { isFile, nameKey, toRemoteFile } from './gdrive/item.ts'
import type { FolderRef, Item } from './gdrive/item.ts'
import { FolderCache } from './gdrive/folder-cache.ts'
import { Locator } from './gdrive/locator.ts'
import { namesOf, split } from './gdrive/paths.ts'
import { isProbeName } from './gdrive/probe-file.ts'
import { Probe } from './gdrive/probe.ts'
import { Roots } from './gdrive/roots.ts'
import { hostOf, isReadable } from './gdrive/trusted-hosts.ts'
import { Turns } from './gdrive/turns.ts'
import { UploadSessions } from './gdrive/upload-session.ts'
import { Uploader } from './gdrive/uploader.ts'
import { Provider } from './provider.ts'
import type {
  ByteSource,
  CallOptions,
  ProbeOptions,
  ReadOptions,
  RemoteFile,
  Removed,
  RemoveOptions,
  StatOptions,
  WriteOptions,
  WriteSession,
} from './provider.ts'
import type { ProviderContext } from './registry.ts'
import { assertSameFile } from './same-file.ts'

const PUBLIC_ENDPOINT = 'https://www.googleapis.com'
const MAX_WARNINGS = 10_000

export interface GDriveOptions {
  readonly clock?: Clock
  readonly timeouts?: Timeouts
  readonly sizes?: UploadSizes
  /** More children than this, and a folder is not listed but asked for each name. */
  readonly largeFolder?: number
}

/** Rejects with `CREDENTIALS`, naming the file and what is wrong with it, when the service account's key can't be used. */
export async function openGDrive(site: Site, context: ProviderContext, options: GDriveOptions = {}): Promise<Provider> {
  const endpoint = site.apiEndpoint ?? PUBLIC_ENDPOINT
  const key = await readAccountKey(site.credentialsFile, endpoint)
  if (isReadable(endpoint)) {
    context.warn(`${site.name}: api_endpoint is plain http: whoever is between here and ${hostOf(endpoint)} can read tokens and files`)
  }
  const clock = options.clock ?? systemClock
  const { timeouts = { connectMs: 10_000, idleMs: 60_000 }, sizes = UPLOAD_SIZES, largeFolder = 5000 } = options
  const connection = await connect(key, { endpoint, clock, timeouts, sizes })
  return new GDrive(site, context, { key, clock, connection, sizes, largeFolder })
}

interface Parts {
  readonly key: AccountKey
  readonly clock: Clock
  readonly connection: Connection
  readonly sizes: UploadSizes
  readonly largeFolder: number
}

/** Folders of Google Drive, through a service account. */
export class GDrive extends Provider {
  readonly checksumAlgorithm = 'md5'
  readonly #connection: Connection
  readonly #listings: FolderCache
  readonly #folders: Folders
  readonly #roots: Roots
  readonly #probe: Probe
  readonly #uploader: Uploader
  readonly #turns = new Turns()
  readonly #endpoint: string
  readonly #clock: Clock
  readonly #locator: Locator

  constructor(site: Site, context: ProviderContext, { key, clock, connection, sizes, largeFolder }: Parts) {
    super(site)
    this.#connection = connection
    this.#endpoint = site.apiEndpoint ?? PUBLIC_ENDPOINT
    this.#clock = clock
    const { api, account, ids } = connection
    const warned = new Set<string>()
    const warn = (about: string, message: string): void => {
      if (warned.has(about) || warned.size >= MAX_WARNINGS) return
      warned.add(about)
      context.warn(`${site.name}: ${message}`)
    }
    this.#listings = new FolderCache(api, clock, { largeFolder, maxMs: 30_000 })
    this.#folders = new Folders({ api, ids, listings: this.#listings, clock, warn, reserve: context.reserveFolderId?.bind(context) })
    this.#roots = new Roots({ api, account, folders: this.#folders, clock, warn })
    this.#locator = new Locator({ api, folders: this.#folders, roots: this.#roots, listings: this.#listings, warn })
    this.#probe = new Probe(connection, this.#roots)
    this.#uploader = new Uploader({
      ...connection,
      sessions: new UploadSessions(key.privateKey),
      maxMultipartBytes: sizes.maxMultipartBytes,
    })
  }

  override async probe({ signal, operation = 'write', roots }: ProbeOptions): Promise<void> {
    const { root } = this.site
    await this.#probe.run(roots ?? (typeof root === 'string' ? [root] : [...root.values()]), operation, signal)
  }

  override async identify(root: string, { signal }: CallOptions): Promise<string> {
    return `gdrive:${await atRoot(root, async () => (await this.#roots.findNow(root, signal)).id)}`
  }

  override async stat(path: RootedPath, { signal, id, fresh = false }: StatOptions): Promise<RemoteFile | undefined> {
    const located =
      (await this.#locator.findById(path, id, signal)) ?? (await this.#locator.find(path, signal, fresh ? this.#clock.now() : 0))
    if (located === undefined) return undefined
    const twins = located.files.length - 1
    return { ...toRemoteFile(located.files[0]), ...(twins > 0 && { twins }) }
  }

  override async read(path: RootedPath, { signal, id, fromByte = 0 }: ReadOptions): Promise<Readable> {
    const known = await this.#locator.findById(path, id, signal)
    // Another instance may have brought it a moment ago: that it is not there has to be known, not remembered.
    const located = known ?? (await this.#locator.find(path, signal)) ?? (await this.#locator.find(path, signal, this.#clock.now()))
    if (located === undefined) throw new SyncError('SOURCE_MISSING', `${path.root}/${path.path} is not in Google Drive`)
    return await download(this.#connection.account, located.files[0], { endpoint: this.#endpoint, fromByte, signal })
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const { dirs, name } = split(path)
    let isFirst = true
    const item = await this.#locator.lookingTwice(path.root, async () => {
      const folder = await this.#folderFor(path.root, dirs, options)
      const find = async (): Promise<Item | undefined> => {
        const { items } = await this.#listings.find(folder, name, options.signal)
        return this.#locator.choose(folder, items)?.[0]
      }
      // Two spellings of one name have leases of their own.
      return await this.#turns.take(`${folder.id}/${nameKey(name)}`, options.signal, async () => {
        // What was saved was of no use, when it is looked for a second time.
        const resumes = isFirst
        isFirst = false
        const written = await this.#uploader.upload({ folder, name, source, options, resumes, find })
        this.#listings.put(folder.id, written)
        return written
      })
    })
    return toRemoteFile(item)
  }

  override reserve(): WriteSession | undefined {
    return this.#uploader.reserve()
  }

  override async remove(path: RootedPath, { signal, only }: RemoveOptions): Promise<Removed | undefined> {
    const located = await this.#locator.find(path, signal, only === undefined ? 0 : this.#clock.now())
    if (located === undefined) return undefined
    const [first, ...twins] = located.files
    if (only !== undefined) {
      assertSameFile(toRemoteFile(first), only, displayPath(path))
      if (twins.length > 0) throw new SyncError('SOURCE_CHANGED', `there are ${twins.length + 1} files named ${displayPath(path)}`)
    }
    for (const item of located.files) {
      await this.#connection.api.trash(item, signal)
      this.#listings.remove(located.folder.id, item)
    }
    return 'trash'
  }

  override async *list(folder: RootedPath, { signal }: CallOptions): AsyncGenerator<RemoteFile & { readonly name: string }> {
    const names = folder.path === '' ? [] : namesOf(folder)
    const pages = await this.#locator.lookingTwice(folder.root, async () => {
      const root = await this.#roots.find(folder.root, signal)
      const ref = await this.#folders.find(root, names, signal)
      // The oldest first, so that of several with one name the one that counts comes first.
      return ref === undefined ? undefined : await begun(this.#connection.api.children(ref, signal, { orderBy: 'createdTime' }))
    })
    if (pages === undefined) return
    const seen = new Set<string>()
    for await (const page of pages) {
      for (const item of page.filter(isFile)) {
        if (seen.has(nameKey(item.name)) || isProbeName(item.name)) continue
        seen.add(nameKey(item.name))
        yield { ...toRemoteFile(item), name: item.name }
      }
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.release()
  }

  /** Created where it is missing, which everybody can see. */
  async #folderFor(path: string, dirs: readonly string[], { permit, signal }: WriteOptions): Promise<FolderRef> {
    const root = await this.#roots.find(path, signal)
    const folder = await this.#folders.find(root, dirs, signal)
    if (folder !== undefined) return folder
    await permit.granted
    return await this.#folders.ensure(root, dirs, signal)
  }
}

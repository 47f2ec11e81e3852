import type { Readable } from 'node:stream'

import { SyncError } from '../errors.ts'
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
import { FolderGone, hasStatus } from './gdrive/faults.ts'
import { Folders } from './gdrive/folders.ts'
import type { Timeouts } from './gdrive/http-client.ts'
import { byAge, isFile, nameKey, toRemoteFile } from './gdrive/item.ts'
import type { FolderRef, Item } from './gdrive/item.ts'
import { FolderCache } from './gdrive/folder-cache.ts'
import { namesOf, split } from './gdrive/paths.ts'
import { isProbeName } from './gdrive/probe-file.ts'
import { Probe } from './gdrive/probe.ts'
import { Roots } from './gdrive/roots.ts'
import { hostOf, isReadable } from './gdrive/trusted-hosts.ts'
import { Turns } from './gdrive/turns.ts'
import { UploadSessions } from './gdrive/upload-session.ts'
import { Uploader } from './gdrive/uploader.ts'
import { Provider } from './provider.ts'
import type { ByteSource, CallOptions, ProbeOptions, RemoteFile, StatOptions, WriteOptions } from './provider.ts'
import type { ProviderContext } from './registry.ts'

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

interface Located {
  readonly folder: FolderRef
  /** All files of that name; the first is the one that counts. */
  readonly files: readonly [Item, ...Item[]]
}

/** Folders of Google Drive, through a service account. */
export class GDrive extends Provider {
  readonly checksumAlgorithm = 'md5'
  readonly #connection: Connection
  readonly #context: ProviderContext
  readonly #listings: FolderCache
  readonly #folders: Folders
  readonly #roots: Roots
  readonly #probe: Probe
  readonly #uploader: Uploader
  readonly #turns = new Turns()
  readonly #endpoint: string
  readonly #clock: Clock
  readonly #warned = new Set<string>()

  constructor(site: Site, context: ProviderContext, { key, clock, connection, sizes, largeFolder }: Parts) {
    super(site)
    this.#context = context
    this.#connection = connection
    this.#endpoint = site.apiEndpoint ?? PUBLIC_ENDPOINT
    this.#clock = clock
    const { api, account, ids } = connection
    const warn = (about: string, message: string): void => this.#warn(about, message)
    this.#listings = new FolderCache(api, clock, { largeFolder, maxMs: 30_000 })
    this.#folders = new Folders({ api, ids, listings: this.#listings, clock, warn, reserve: context.reserveFolderId?.bind(context) })
    this.#roots = new Roots({ api, account, folders: this.#folders, warn })
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

  override async stat(path: RootedPath, { signal, fresh = false }: StatOptions): Promise<RemoteFile | undefined> {
    const located = await this.#locate(path, signal, fresh ? this.#clock.now() : 0)
    if (located === undefined) return undefined
    const twins = located.files.length - 1
    return { ...toRemoteFile(located.files[0]), ...(twins > 0 && { twins }) }
  }

  override async read(path: RootedPath, { signal, fromByte = 0 }: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    // Another instance may have brought it a moment ago: that it is not there has to be known, not remembered.
    const located = (await this.#locate(path, signal)) ?? (await this.#locate(path, signal, this.#clock.now()))
    if (located === undefined) throw new SyncError('SOURCE_MISSING', `${path.root}/${path.path} is not in Google Drive`)
    return await download(this.#connection.account, located.files[0], { endpoint: this.#endpoint, fromByte, signal })
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const { dirs, name } = split(path)
    let isFirst = true
    const item = await this.#lookingTwice(path.root, async () => {
      const folder = await this.#folderFor(path.root, dirs, options)
      const find = async (): Promise<Item | undefined> => {
        const { items } = await this.#listings.find(folder, name, options.signal)
        return this.#choose(folder, items)?.[0]
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

  override async remove(path: RootedPath, { signal }: CallOptions): Promise<void> {
    const located = await this.#locate(path, signal)
    for (const item of located?.files ?? []) {
      await this.#connection.api.trash(item, signal)
      this.#listings.remove(located?.folder.id ?? '', item)
    }
  }

  override async *list(folder: RootedPath, { signal }: CallOptions): AsyncGenerator<RemoteFile & { readonly name: string }> {
    const names = folder.path === '' ? [] : namesOf(folder)
    const pages = await this.#lookingTwice(folder.root, async () => {
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

  /**
   * The files of that path as they are now: what a listing remembers is asked for again, so that a file removed by hand is missed. One that
   * appeared since the listing was made is missed as well, unless the listing must not be older than `since`.
   */
  async #locate(path: RootedPath, signal: AbortSignal, since = 0): Promise<Located | undefined> {
    const { dirs, name } = split(path)
    return await this.#lookingTwice(path.root, async () => {
      const folder = await this.#folders.find(await this.#roots.find(path.root, signal), dirs, signal, since)
      if (folder === undefined) return undefined
      for (let asOf = since; ; asOf = Infinity) {
        const { items, fresh } = await this.#listings.find(folder, name, signal, asOf)
        const files = this.#choose(folder, items)
        if (files === undefined) return undefined
        const [first, ...others] = files
        if (fresh) return { folder, files }
        const now = await this.#connection.api.get(first.id, signal, { what: `looking up "${first.name}"` })
        if (now !== undefined && !now.trashed && now.parents?.includes(folder.id) !== false && nameKey(now.name) === nameKey(name)) {
          return { folder, files: [now, ...others] }
        }
        // Of a large folder our own doing is remembered whatever is asked.
        this.#listings.remove(folder.id, first)
      }
    })
  }

  /** The files among the items of one name, the one that counts first. */
  #choose(folder: FolderRef, items: readonly Item[]): Located['files'] | undefined {
    const [first, ...others] = items.filter(isFile).sort(byAge)
    if (first === undefined) return undefined
    if (others.length > 0) {
      this.#warn(
        `${folder.id}/${nameKey(first.name)}`,
        `there are ${others.length + 1} files named "${first.name}" in one folder; the oldest is used`,
      )
    }
    return [first, ...others]
  }

  /** Once more, with everything looked up again, when a folder is not where it was. */
  async #lookingTwice<T>(root: string, look: () => Promise<T>): Promise<T> {
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof FolderGone) && !hasStatus(error, 404)) throw error
      this.#folders.forget()
      this.#roots.forget(root)
      return await look()
    }
  }

  #warn(about: string, message: string): void {
    if (this.#warned.has(about) || this.#warned.size >= MAX_WARNINGS) return
    this.#warned.add(about)
    this.#context.warn(`${this.site.name}: ${message}`)
  }
}

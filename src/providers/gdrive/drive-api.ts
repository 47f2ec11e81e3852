import type { drive_v3 } from 'googleapis/build/src/apis/drive/index.js'

import { SyncError } from '../../errors.ts'
import type { Account } from './account.ts'
import { adapterFor, withoutClientErrors } from './adapter.ts'
import type { ClientRequestOptions } from './adapter.ts'
import { parseAnswer } from './drive-answer.ts'
import { FolderGone, hasStatus } from './faults.ts'
import type { HttpAnswer } from './http-client.ts'
import { FOLDER, hasOneSpelling, ITEM_FIELDS, toItem } from './item.ts'
import type { FolderRef, Item } from './item.ts'
import { PageTokens } from './page-tokens.ts'
import { SearchScopes, SHARED } from './search-scope.ts'
import type { SearchScope } from './search-scope.ts'

type Drive = drive_v3.Drive
type NewDrive = (options: drive_v3.Options) => Drive

/** Passed through Google's client to our transport. */
interface Told {
  readonly signal: AbortSignal
  readonly what: string
}

export interface GetOptions {
  /** Fields beside those that are always asked for. */
  readonly more?: string
  /** What is being done, for messages. */
  readonly what?: string
}

export interface ChildrenOptions {
  /** Only what may have that name; Drive does not tell upper from lower case. */
  readonly name?: string
  readonly orderBy?: 'createdTime'
}

export interface SharedDrive {
  readonly id: string
  readonly name: string
  readonly createdTime: string
}

const EVERYWHERE = { supportsAllDrives: true } as const
const PAGE = 1000

/** The metadata calls that syncing needs, through Google's own client over our transport. */
export class DriveApi {
  readonly #drive: Drive
  readonly #onServed: () => void
  readonly #scopes = new SearchScopes()

  /** `onServed` hears of every call that went well. */
  constructor(newDrive: NewDrive, account: Account, endpoint: string, onServed: () => void) {
    this.#onServed = onServed
    const send = async (options: ClientRequestOptions): Promise<HttpAnswer> => {
      const { signal, what } = options as ClientRequestOptions & Told
      const headers = Object.fromEntries(options.headers.entries())
      const body = typeof options.body === 'string' ? { body: Buffer.from(options.body) } : {}
      const answer = await account.send({ method: options.method ?? 'GET', url: String(options.url), headers, ...body, signal, what })
      if (answer.status === 204 || parseAnswer(answer.body) !== undefined) return answer
      throw new SyncError('INTERRUPTED', `Google Drive answered with something that is not JSON while ${what}`)
    }
    this.#drive = newDrive({ version: 'v3', rootUrl: `${endpoint}/`, retry: false, adapter: adapterFor(send) })
  }

  /** Missing (or hidden from the account) is undefined; one in the trash is found. */
  async get(id: string, signal: AbortSignal, { more, what = `looking up the item ${id}` }: GetOptions = {}): Promise<Item | undefined> {
    const params = { fileId: id, fields: more === undefined ? ITEM_FIELDS : `${ITEM_FIELDS},${more}`, ...EVERYWHERE }
    try {
      return toItem(await this.#call((to) => this.#drive.files.get(params, to), signal, what))
    } catch (error) {
      if (hasStatus(error, 404)) return undefined
      throw error
    }
  }

  /** What is in a folder, a page of up to 1000 a time. Rejects with `FolderGone` when there is no such folder. */
  async *children(folder: FolderRef, signal: AbortSignal, { name, orderBy }: ChildrenOptions = {}): AsyncGenerator<Item[]> {
    const named = name === undefined ? '' : ` and name = '${quoted(name)}'`
    const q = `'${quoted(folder.id)}' in parents and trashed = false${named}`
    const query = orderBy === undefined ? { q } : { q, orderBy }
    const what = `listing the folder "${folder.name}"`
    const tokens = new PageTokens(what)
    try {
      const { answer, scope } = await this.#scopes.first(folder.driveId, async (where) => await this.#page(query, where, signal, what))
      yield answer.items
      for (let next = tokens.next(answer.next); next !== undefined;) {
        const page = await this.#page(query, scope, signal, what, next)
        yield page.items
        next = tokens.next(page.next)
      }
    } catch (error) {
      throw hasStatus(error, 404) ? new FolderGone(what) : error
    }
  }

  /** Folders that others share with the account and that may have that name. */
  async sharedFolders(name: string, signal: AbortSignal): Promise<Item[]> {
    const named = hasOneSpelling(name) ? ` and name = '${quoted(name)}'` : ''
    const q = `sharedWithMe = true and mimeType = '${FOLDER}' and trashed = false${named}`
    const what = `looking for a shared folder "${name}"`
    const tokens = new PageTokens(what)
    const found: Item[] = []
    let next: string | undefined
    do {
      const page = await this.#page({ q }, SHARED, signal, what, next)
      found.push(...page.items)
      next = tokens.next(page.next)
    } while (next !== undefined)
    return found
  }

  async sharedDrives(signal: AbortSignal): Promise<SharedDrive[]> {
    const what = 'listing the shared drives'
    const tokens = new PageTokens(what)
    const found: SharedDrive[] = []
    let pageToken: string | undefined
    do {
      const page = { pageSize: 100, fields: 'nextPageToken,drives(id,name,createdTime)', ...(pageToken === undefined ? {} : { pageToken }) }
      const data = await this.#call((to) => this.#drive.drives.list(page, to), signal, what)
      for (const { id, name, createdTime } of data.drives ?? []) {
        if (typeof id === 'string') found.push({ id, name: name ?? '', createdTime: createdTime ?? '' })
      }
      pageToken = tokens.next(data.nextPageToken)
    } while (pageToken !== undefined)
    return found
  }

  async createFolder(parent: FolderRef, name: string, id: string, signal: AbortSignal): Promise<Item> {
    const requestBody = { id, name, mimeType: FOLDER, parents: [parent.id] }
    const params = { requestBody, fields: ITEM_FIELDS, ...EVERYWHERE }
    return toItem(
      await this.#call((to) => this.#drive.files.create(params, to), signal, `creating the folder "${name}" in "${parent.name}"`),
    )
  }

  /** Missing succeeds. Trashing needs less of a role than deleting. */
  async trash({ id, name }: Pick<Item, 'id' | 'name'>, signal: AbortSignal): Promise<void> {
    const params = { fileId: id, requestBody: { trashed: true }, fields: 'id', ...EVERYWHERE }
    try {
      await this.#call((to) => this.#drive.files.update(params, to), signal, `moving "${name}" to the trash`)
    } catch (error) {
      if (!hasStatus(error, 404)) throw error
    }
  }

  /** For good, which takes more of a role than the trash. Missing succeeds. */
  async delete({ id, name }: Pick<Item, 'id' | 'name'>, signal: AbortSignal): Promise<void> {
    try {
      await this.#call((to) => this.#drive.files.delete({ fileId: id, ...EVERYWHERE }, to), signal, `deleting "${name}"`)
    } catch (error) {
      if (!hasStatus(error, 404)) throw error
    }
  }

  async rename({ id, name }: Pick<Item, 'id' | 'name'>, to: string, signal: AbortSignal): Promise<void> {
    const params = { fileId: id, requestBody: { name: to }, fields: 'id', ...EVERYWHERE }
    await this.#call((told) => this.#drive.files.update(params, told), signal, `renaming "${name}"`)
  }

  /** Ids for items yet to be created, so that creating one twice fails instead. */
  async generateIds(count: number, signal: AbortSignal): Promise<string[]> {
    const data = await this.#call(
      (to) => this.#drive.files.generateIds({ count, space: 'drive', fields: 'ids' }, to),
      signal,
      'reserving ids',
    )
    if (data.ids === undefined || data.ids === null || data.ids.length === 0)
      throw new SyncError('INTERRUPTED', 'Google Drive answered without ids')
    return data.ids
  }

  /** Bytes; an unlimited account has no limit. */
  async quota(signal: AbortSignal): Promise<{ readonly limit: number | undefined; readonly usage: number }> {
    const data = await this.#call(
      (to) => this.#drive.about.get({ fields: 'storageQuota(limit,usage)' }, to),
      signal,
      'asking for the storage quota',
    )
    const { limit, usage } = data.storageQuota ?? {}
    return { limit: limit === undefined || limit === null ? undefined : Number(limit), usage: Number(usage ?? 0) }
  }

  async #page(
    query: { readonly q: string; readonly orderBy?: string },
    scope: SearchScope,
    signal: AbortSignal,
    what: string,
    pageToken?: string,
  ): Promise<{ readonly items: Item[]; readonly next: unknown }> {
    const params = {
      ...query,
      fields: `nextPageToken,incompleteSearch,files(${ITEM_FIELDS})`,
      pageSize: PAGE,
      includeItemsFromAllDrives: true,
      ...EVERYWHERE,
      ...scope,
      ...(pageToken === undefined ? {} : { pageToken }),
    }
    const data = await this.#call((to) => this.#drive.files.list(params, to), signal, what)
    if (data.incompleteSearch === true) throw new SyncError('INTERRUPTED', `Google Drive could not search everything while ${what}`)
    if (!Array.isArray(data.files)) throw new SyncError('INTERRUPTED', `Google Drive answered without a list while ${what}`)
    return { items: data.files.map(toItem), next: data.nextPageToken }
  }

  async #call<T>(call: (told: Told) => Promise<{ readonly data: T }>, signal: AbortSignal, what: string): Promise<T> {
    const { data } = await withoutClientErrors(call({ signal, what }))
    this.#onServed()
    return data
  }
}

/** For use between the single quotes of a search expression. */
function quoted(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
}

import { ApiError, invalid, notFound } from './api-error.ts'
import type { Exchange, Reply } from './exchange.ts'
import { DEFAULT_FIELDS, fileResource } from './file-resource.ts'
import { applyFields, parseFields } from './field-mask.ts'
import { parseQuery } from './search-query.ts'
import type { FakeDriveSettings } from './settings.ts'
import { FOLDER } from './store.ts'
import type { Entry, NewEntry, Store } from './store.ts'

/** The metadata calls on files. */
export class FilesApi {
  readonly #store: Store
  readonly #settings: FakeDriveSettings

  constructor(store: Store, settings: FakeDriveSettings) {
    this.#store = store
    this.#settings = settings
  }

  generateIds({ query }: Exchange): Reply {
    const count = Number(query.get('count') ?? 10)
    if (!(count >= 1 && count <= 1000)) throw invalid('count must be within 1 and 1000')
    return {
      status: 200,
      body: { kind: 'drive#generatedIds', space: 'drive', ids: Array.from({ length: count }, () => this.#store.generateId()) },
    }
  }

  get(exchange: Exchange, id: string): Reply {
    return exchange.file(this.#store, this.#store.get(id, exchange.allDrives))
  }

  list(exchange: Exchange): Reply {
    const { query } = exchange
    const fields = parseFields(query.get('fields') ?? `nextPageToken,files(${DEFAULT_FIELDS})`)
    const q = parseQuery(query.get('q') ?? '')
    for (const id of q.parents) if (!this.#isVisible(id, exchange)) throw notFound('.')
    const { searchLagMs } = this.#settings
    const isKnown = (createdTime: string): boolean => searchLagMs === 0 || Date.parse(createdTime) <= Date.now() - searchLagMs
    const isSearch = (query.get('q') ?? '').includes('name =')
    const entries = this.#candidates(exchange, q.parents)
      .filter((entry) => q.matches(this.#searchable(entry)))
      .filter(({ createdTime }) => !isSearch || isKnown(createdTime))
    if (query.get('orderBy') === 'createdTime') entries.sort((a, b) => a.createdTime.localeCompare(b.createdTime))
    const offset = Number(query.get('pageToken') ?? 0)
    const size = Math.min(Number(query.get('pageSize') ?? 100), this.#settings.longestPage)
    if (!(size >= 1 && size <= 1000) || Number.isNaN(offset)) throw invalid('Invalid value')
    const page = entries.slice(offset, offset + size)
    const body = {
      kind: 'drive#fileList',
      incompleteSearch: false,
      files: page.map((entry) => fileResource(this.#store, entry)),
      ...(offset + size < entries.length ? { nextPageToken: String(offset + size) } : {}),
    }
    return { status: 200, body: applyFields(body, fields) as Record<string, unknown> }
  }

  /** Folders, shortcuts and empty files. */
  async create(exchange: Exchange): Promise<Reply> {
    const metadata = await exchange.json()
    const prepared = this.prepare(exchange, metadata)
    const mimeType = typeof metadata['mimeType'] === 'string' ? metadata['mimeType'] : 'application/octet-stream'
    return exchange.file(this.#store, this.#store.add({ ...prepared, mimeType }))
  }

  async update(exchange: Exchange, id: string): Promise<Reply> {
    const entry = this.#store.get(id, exchange.allDrives)
    const metadata = await exchange.json()
    if (metadata['trashed'] !== undefined) {
      if (!this.#store.mayTrash(entry)) throw denied('insufficientFilePermissions')
      entry.explicitlyTrashed = metadata['trashed'] === true
    }
    this.change(exchange, entry, metadata)
    return exchange.file(this.#store, entry)
  }

  delete(exchange: Exchange, id: string): Reply {
    const entry = this.#store.get(id, exchange.allDrives)
    if (!this.#store.mayDelete(entry)) throw denied('insufficientFilePermissions')
    this.#store.delete(entry)
    return { status: 204 }
  }

  revisions(exchange: Exchange, id: string): Reply {
    const { revisions } = this.#store.get(id, exchange.allDrives)
    return { status: 200, body: { kind: 'drive#revisionList', revisions: revisions.map((revision) => ({ id: revision.id })) } }
  }

  /** Checks the metadata of something new. */
  prepare(exchange: Exchange, metadata: Record<string, unknown>): NewEntry & { mine: boolean } {
    const { name, parents, appProperties, modifiedTime } = metadata
    const id = metadata['id'] as string | undefined
    if (id !== undefined) this.#store.checkNewId(id)
    const folders = Array.isArray(parents) ? (parents as unknown[]) : [this.#store.myDrive]
    if (folders.length !== 1) throw new ApiError(403, 'cannotAddParent', 'A file must have exactly one parent.')
    const parent = this.#store.get(String(folders[0]), exchange.allDrives)
    if (parent.mimeType !== FOLDER) throw new ApiError(403, 'parentNotAFolder', 'The specified parent is not a folder.')
    if (!this.#store.mayAtLeast(parent, 'writer')) throw denied('insufficientParentPermissions')
    return {
      ...(id === undefined ? {} : { id }),
      name: typeof name === 'string' ? name : 'Untitled',
      parent: parent.id,
      mine: parent.driveId === undefined,
      ...(typeof modifiedTime === 'string' ? { modifiedTime: time(modifiedTime) } : {}),
      ...(typeof appProperties === 'object' && appProperties !== null ? { appProperties: appProperties as Record<string, string> } : {}),
    }
  }

  change(exchange: Exchange, entry: Entry, metadata: Record<string, unknown>): void {
    if (!this.#store.mayAtLeast(entry, 'writer')) throw denied('insufficientFilePermissions')
    const { name, modifiedTime, parents, id } = metadata
    if (parents !== undefined) throw new ApiError(403, 'fieldNotWritable', 'The parents field is not directly writable in update requests.')
    if (id !== undefined && id !== entry.id)
      throw new ApiError(403, 'fieldNotWritable', 'The resource body includes fields which are not directly writable.')
    if (typeof name === 'string') entry.name = name
    entry.modifiedTime = typeof modifiedTime === 'string' ? time(modifiedTime) : new Date().toISOString()
    const moveTo = exchange.query.get('addParents')
    if (moveTo !== null) this.#store.move(entry, this.#store.get(moveTo, exchange.allDrives).id)
  }

  #candidates({ query, allDrives }: Exchange, parents: readonly string[]): Entry[] {
    const driveId = query.get('driveId')
    const everywhere = allDrives && query.get('includeItemsFromAllDrives') === 'true'
    const corpora = query.get('corpora')
    if ((corpora === 'drive') !== (driveId !== null))
      throw invalid('The driveId parameter must be specified if and only if corpora is set to drive.')
    const drive = driveId === null ? undefined : this.#store.peek(driveId)
    if (driveId !== null && (drive === undefined || this.#store.roleOf(drive) === undefined))
      throw new ApiError(404, 'notFound', `Shared drive not found: ${driveId}`)
    if (corpora === 'drive' && !everywhere) throw invalid('The supportsAllDrives and includeItemsFromAllDrives parameters must be true.')
    // Only to be quick: one folder is all that most searches are about.
    const [parent] = parents
    const pool =
      parents.length === 1 && parent !== undefined && !/\bor\b|\bnot\b/.test(query.get('q') ?? '')
        ? this.#store.children(this.#store.peek(parent)?.id ?? '')
        : this.#store.all()
    return pool.filter((entry) => {
      if (entry.parent === undefined && !entry.sharedWithMe) return false
      if (this.#store.roleOf(entry) === undefined) return false
      // What others put into a folder was never opened by the account, nor shared with it by itself.
      if (corpora === 'user' && entry.driveId !== undefined) return entry.sharedWithMe
      return driveId === null ? entry.driveId === undefined || everywhere : entry.driveId === driveId
    })
  }

  #isVisible(id: string, { allDrives }: Exchange): boolean {
    const entry = this.#store.peek(id)
    return entry !== undefined && this.#store.roleOf(entry) !== undefined && (entry.driveId === undefined || allDrives)
  }

  #searchable(entry: Entry) {
    const { name, mimeType, sharedWithMe, modifiedTime, appProperties, parent } = entry
    const parents = parent === undefined ? [] : parent === this.#store.myDrive ? [parent, 'root'] : [parent]
    return { name, mimeType, sharedWithMe, modifiedTime, appProperties, parents, trashed: this.#store.isTrashed(entry) }
  }
}

function denied(reason: string): ApiError {
  return new ApiError(403, reason, 'The user does not have sufficient permissions for this file.')
}

function time(text: string): string {
  const date = new Date(text)
  if (Number.isNaN(date.getTime()) || !/^(?!0000)\d{4}-/.test(text)) throw invalid(`Invalid value for: Invalid format: "${text}"`)
  return date.toISOString()
}

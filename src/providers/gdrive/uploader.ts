import { SyncError } from '../../errors.ts'
import type { ByteSource, WriteOptions, WriteSession } from '../provider.ts'
import type { ChunkSize } from './chunk-size.ts'
import type { DriveApi } from './drive-api.ts'
import { FolderGone, hasStatus } from './faults.ts'
import type { FileIds } from './file-ids.ts'
import { nameKey } from './item.ts'
import type { FolderRef, Item } from './item.ts'
import { multipartUpload } from './multipart-upload.ts'
import type { StorageQuota } from './storage-quota.ts'
import { ResumableUpload } from './resumable-upload.ts'
import type { UploadSessions, UploadState } from './upload-session.ts'
import { uploadWords } from './upload-target.ts'
import type { UploadTarget } from './upload-target.ts'
import type { UploadTraffic } from './upload-traffic.ts'

export interface UploaderParts {
  readonly api: DriveApi
  readonly traffic: UploadTraffic
  readonly ids: FileIds
  readonly sessions: UploadSessions
  readonly chunkSize: ChunkSize
  readonly storage: StorageQuota
  /** Bytes; larger files are sent in chunks. */
  readonly maxMultipartBytes: number
}

export interface Upload {
  readonly folder: FolderRef
  readonly name: string
  readonly source: ByteSource
  readonly options: WriteOptions
  /** Does it go on with what an earlier attempt saved? */
  readonly resumes: boolean
  /** The file of that name as it is known now. */
  readonly find: () => Promise<Item | undefined>
}

/** What earlier attempts have done for this one. */
interface Begun {
  /** The file that gets new content; undefined while it is yet to be created. */
  readonly old?: Item | undefined
  /** Where its bytes go. */
  readonly uri?: string | undefined
  /** The id that it will have is stored. */
  readonly isSaved?: boolean
}

/** Puts one file into one folder, exactly once, whatever happened to earlier attempts. */
export class Uploader {
  readonly #parts: UploaderParts

  constructor(parts: UploaderParts) {
    this.#parts = parts
  }

  /** An id for a file that may be new, where there is one at hand. */
  reserve(): WriteSession | undefined {
    const id = this.#parts.ids.takeNow()
    return id === undefined ? undefined : this.#parts.sessions.reserve(id)
  }

  /** Rejects with `FolderGone` when the folder is not (or no longer) a place for files. */
  async upload(upload: Upload): Promise<Item> {
    const { source, options } = upload
    const { target, done, ...begun } = await this.#resume(upload)
    if (done !== undefined) return done
    const bytes = ownBytes(upload, begun.old)
    const send = async (): Promise<Item> => await this.#transfer(upload, target, begun)
    const item = bytes === undefined ? await send() : await this.#parts.storage.taking(bytes, upload.name, options.signal, send)
    const { expected, known } = await this.#compare(item, source, options.signal)
    if (known.md5 === expected && known.size === source.size) return known
    // Before the blame goes to the line or to Drive: were these the bytes at all?
    await source.assertUnchanged()
    const repaired = await this.#transfer(upload, { ...target, id: item.id, exists: true })
    const again = await this.#compare(repaired, source, options.signal)
    if (again.known.md5 === expected && again.known.size === source.size) return again.known
    if (!target.exists) await this.#parts.api.trash(item, options.signal)
    throw new SyncError(
      'VERIFY_FAILED',
      `Google Drive stored other bytes than were sent for "${upload.name}", twice: md5 ${again.known.md5}, not ${expected}`,
    )
  }

  /** Where to: the id of an earlier attempt, the file that is there, or a new id. */
  async #resume({ folder, name, source, options, resumes, find }: Upload): Promise<Begun & { target: UploadTarget; done?: Item }> {
    const existing = await find()
    const saved = resumes ? this.#parts.sessions.open(await options.permit.session, source) : undefined
    if (saved !== undefined) {
      const there = await this.#parts.api.get(saved.remoteId, options.signal, { what: `looking up "${name}"` })
      if (there !== undefined && isIn(there, folder) && nameKey(there.name) === nameKey(name)) {
        if (await this.#isDone(there, source, options.signal)) return { target: { id: there.id, exists: true, folder, name }, done: there }
        return { target: { id: there.id, exists: true, folder, name }, old: there, uri: saved.exists ? saved.uri : undefined }
      }
      if (there === undefined && existing === undefined && !saved.exists) {
        return { target: { id: saved.remoteId, exists: false, folder, name }, uri: saved.parentId === folder.id ? saved.uri : undefined }
      }
    }
    if (existing !== undefined) return { target: { id: existing.id, exists: true, folder, name }, old: existing }
    const reserved = this.#parts.sessions.open(await options.permit.takeReserved(), source)
    const id = reserved?.remoteId ?? (await this.#parts.ids.take(options.signal))
    return { target: { id, exists: false, folder, name }, isSaved: reserved !== undefined }
  }

  async #transfer(upload: Upload, target: UploadTarget, { uri, isSaved = false }: Begun = {}): Promise<Item> {
    const { source, options, folder } = upload
    const save = async (address?: string): Promise<void> => {
      const state: UploadState = {
        remoteId: target.id,
        exists: target.exists,
        parentId: folder.id,
        ...(address === undefined ? {} : { uri: address }),
      }
      await options.permit.saveSession(this.#parts.sessions.seal(state, source))
    }
    if (uri === undefined && !isSaved) await save()
    let item
    try {
      item = await this.#send(upload, target, uri, save)
    } catch (error) {
      if (hasStatus(error, 409) && !target.exists) return await this.#afterConflict(upload, target)
      if (hasStatus(error, 404)) throw new FolderGone(uploadWords(upload))
      throw target.exists && hasStatus(error, 403) && error.code === 'PERMISSION' ? await this.#whoseRight(upload, error) : error
    }
    if (!isIn(item, folder)) throw new FolderGone(uploadWords(upload))
    if (source.size > this.#parts.maxMultipartBytes) {
      // Where the bytes went is of no more use to us, and should be of none to others.
      await options.permit.saveSession(this.#parts.sessions.seal({ remoteId: item.id, exists: true, parentId: folder.id }, source))
    }
    // An earlier attempt may have ended the upload long ago; the answer then tells of the file as it was.
    return uri === undefined ? item : { ...item, md5: undefined }
  }

  async #send(upload: Upload, target: UploadTarget, uri: string | undefined, saveUri: (uri: string) => Promise<void>): Promise<Item> {
    const { source, options } = upload
    const { traffic, chunkSize } = this.#parts
    const { signal } = options
    if (source.size > this.#parts.maxMultipartBytes) {
      const item = await new ResumableUpload(traffic, target, source, {
        signal,
        uri,
        chunkSize,
        saveUri,
        granted: options.permit.granted,
        onProgress: (bytes) => options.onProgress(bytes),
      }).run()
      options.onProgress(source.size)
      return item
    }
    await options.permit.granted
    const item = await multipartUpload(traffic, target, source, signal)
    options.onProgress(source.size)
    return item
  }

  /** The id is taken: an earlier request of ours was carried out after all, or the file was deleted since. */
  async #afterConflict(upload: Upload, target: UploadTarget): Promise<Item> {
    const there = await this.#parts.api.get(target.id, upload.options.signal, { what: `looking up "${target.name}"` })
    if (there === undefined) return await this.#transfer(upload, { ...target, id: await this.#parts.ids.take(upload.options.signal) })
    if (!isIn(there, upload.folder)) throw new FolderGone(uploadWords(upload))
    return there
  }

  /** One file that may not be changed must not hold up a folder that may. */
  async #whoseRight({ folder, name, options }: Upload, fault: SyncError): Promise<SyncError> {
    const item = await this.#parts.api.get(folder.id, options.signal, {
      more: 'capabilities(canAddChildren)',
      what: `looking up the folder "${folder.name}"`,
    })
    if (item?.may.addChildren !== true) return fault
    return new SyncError('REFUSED', `"${name}" may not be changed, although its folder may: ${fault.message}`)
  }

  async #isDone(item: Item, source: ByteSource, signal: AbortSignal): Promise<boolean> {
    return item.size === source.size && item.md5 !== undefined && item.md5 === (await source.checksum('md5', signal))
  }

  async #compare(item: Item, source: ByteSource, signal: AbortSignal): Promise<{ expected: string; known: Item }> {
    const known =
      item.md5 === undefined || item.size === undefined
        ? ((await this.#parts.api.get(item.id, signal, { what: `looking up "${item.name}"` })) ?? item)
        : item
    if (known.md5 === undefined) throw new SyncError('INTERRUPTED', `Google Drive has no checksum of "${known.name}" yet`)
    return { expected: await source.checksum('md5', signal), known }
  }
}

/** Drive stores files in folders that are in the trash without a word. */
function isIn(item: Item, folder: FolderRef): boolean {
  return !item.trashed && (item.parents === undefined || item.parents.includes(folder.id))
}

/**
 * By how much the account's own storage grows; undefined where it does not. What is new belongs to the shared drive or else to the
 * account, what is there to its owner.
 */
function ownBytes({ folder, source }: Upload, old: Item | undefined): number | undefined {
  if (folder.driveId !== undefined) return undefined
  if (old === undefined) return source.size
  const growth = source.size - (old.size ?? 0)
  return old.mine && growth > 0 ? growth : undefined
}

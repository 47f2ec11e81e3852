import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

import { registerAddress } from '../../secrets.ts'
import type { ByteSource, WriteSession } from '../provider.ts'

/** What an unfinished write must find again. */
export interface UploadState {
  /** The id that the file has, or will have. */
  readonly remoteId: string
  /** False while the file is yet to be created with that id. */
  readonly exists: boolean
  readonly parentId: string
  /** Where the bytes go; whoever has it may write there, so it is stored encrypted. */
  readonly uri?: string
}

/** Turns the state of an upload into the plain data that is stored, and back. Bound to the account's key. */
export class UploadSessions {
  readonly #key: Buffer

  constructor(privateKey: string) {
    this.#key = Buffer.from(hkdfSync('sha256', privateKey, 'site-sync', 'gdrive upload session', 32))
  }

  /** Of a file that is yet to be created, before its folder and its source are known. */
  reserve(remoteId: string): WriteSession {
    return { remoteId, exists: false, parentId: '' }
  }

  seal(state: UploadState, source: Pick<ByteSource, 'size' | 'modified'>): WriteSession {
    const { remoteId, exists, parentId, uri } = state
    const fingerprint = { size: source.size, modifiedMs: source.modified.getTime() }
    return { remoteId, exists, parentId, ...fingerprint, ...(uri === undefined ? {} : { upload: this.#encrypt(uri, remoteId) }) }
  }

  /** Undefined for what is not ours. The upload's address comes back only when the source is still what it was. */
  open(session: WriteSession | undefined, source: Pick<ByteSource, 'size' | 'modified'>): UploadState | undefined {
    if (session === undefined) return undefined
    const { remoteId, exists, parentId, upload, size, modifiedMs } = session
    if (typeof remoteId !== 'string' || typeof parentId !== 'string') return undefined
    const same = size === source.size && modifiedMs === source.modified.getTime()
    const uri = same && typeof upload === 'string' ? this.#decrypt(upload, remoteId) : undefined
    if (uri !== undefined) registerAddress(uri)
    return { remoteId, exists: exists === true, parentId, ...(uri === undefined ? {} : { uri }) }
  }

  #encrypt(uri: string, remoteId: string): string {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv).setAAD(Buffer.from(remoteId))
    const sealed = Buffer.concat([cipher.update(uri, 'utf8'), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  #decrypt(upload: string, remoteId: string): string | undefined {
    try {
      const bytes = Buffer.from(upload, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12), { authTagLength: 16 })
      decipher.setAAD(Buffer.from(remoteId)).setAuthTag(bytes.subarray(12, 28))
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
    } catch {
      // Sealed with another key, or damaged: a new upload starts.
      return undefined
    }
  }
}

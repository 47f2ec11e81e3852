import { SyncError } from '../../errors.ts'
import { registerAddress } from '../../secrets.ts'
import type { ByteSource } from '../provider.ts'
import type { ChunkSize } from './chunk-size.ts'
import { isTransient } from './faults.ts'
import type { HttpAnswer } from './http-client.ts'
import type { Item } from './item.ts'
import { itemOf } from './multipart-upload.ts'
import { SourceReader } from './source-reader.ts'
import { hostOf, isTrusted } from './trusted-hosts.ts'
import type { UploadTraffic } from './upload-traffic.ts'
import { uploadMetadata, uploadMethod, uploadUrl, uploadWords } from './upload-target.ts'
import type { UploadTarget } from './upload-target.ts'

export interface ResumableOptions {
  readonly signal: AbortSignal
  /** Where an earlier attempt sent its bytes. */
  readonly uri: string | undefined
  readonly chunkSize: ChunkSize
  /** Awaited before the last byte is sent, which makes it a file. */
  readonly granted: Promise<void>
  /** Called before the first byte goes to a new address. */
  saveUri(uri: string): Promise<void>
  /** Bytes that Drive has so far. */
  onProgress(bytes: number): void
}

/** What Drive says of an upload: all there, so many bytes there, or never heard of it. */
type Standing = { readonly file: Item } | { readonly stored: number } | 'dead'

const MAX_SESSIONS = 4
/** Failures in a row without a byte gained, after which the caller should wait and try again. */
const MAX_STALLS = 2

/**
 * An upload in chunks that survives broken connections, lost answers and the death of its session. After anything uncertain Drive is
 * asked what it has; nothing is resent blindly. Rejects as `INTERRUPTED` when waiting is what might help.
 */
export class ResumableUpload {
  readonly #traffic: UploadTraffic
  readonly #target: UploadTarget
  readonly #source: ByteSource
  readonly #options: ResumableOptions
  readonly #reader: SourceReader

  constructor(traffic: UploadTraffic, target: UploadTarget, source: ByteSource, options: ResumableOptions) {
    this.#traffic = traffic
    this.#target = target
    this.#source = source
    this.#options = options
    this.#reader = new SourceReader(source, options.signal)
  }

  async run(): Promise<Item> {
    try {
      let { uri } = this.#options
      // The site's endpoint may be another one by now.
      if (uri !== undefined && !isTrusted(uri, this.#traffic.endpoint)) uri = undefined
      let standing: Standing = uri === undefined ? 'dead' : await this.#ask(uri)
      for (let sessions = 0; ; sessions++) {
        if (standing === 'dead') {
          if (sessions === MAX_SESSIONS) throw interrupted(this.#target, 'its upload session was lost again and again')
          uri = await startUpload(this.#traffic, this.#target, this.#source, this.#options.signal)
          await this.#options.saveUri(uri)
          standing = { stored: 0 }
        }
        standing = await this.#sendAll(uri as string, standing)
        if (standing !== 'dead' && 'file' in standing) return standing.file
      }
    } finally {
      this.#reader.close()
    }
  }

  /** Sends chunk after chunk, until the file is complete or the session dead. */
  async #sendAll(uri: string, from: Standing): Promise<Standing> {
    const total = this.#source.size
    let standing = from
    let stalls = 0
    while (standing !== 'dead' && 'stored' in standing) {
      const before: number = standing.stored
      this.#options.onProgress(before)
      if (before > total) return 'dead'
      await this.#source.assertUnchanged()
      try {
        standing =
          before === total ? await this.#ask(uri) : await this.#put(uri, before, Math.min(this.#options.chunkSize.bytes, total - before))
      } catch (error) {
        if (!isTransient(error) || stalls >= MAX_STALLS) throw error
        this.#options.chunkSize.failed()
        standing = await this.#ask(uri)
      }
      if (standing === 'dead' || 'file' in standing) break
      if (standing.stored > before) stalls = 0
      else if (++stalls > MAX_STALLS) throw interrupted(this.#target, 'Google Drive keeps nothing of what it is sent')
    }
    return standing
  }

  async #put(uri: string, from: number, count: number): Promise<Standing> {
    const { signal, chunkSize } = this.#options
    if (from + count === this.#source.size) await this.#options.granted
    const startedAt = this.#traffic.clock.now()
    const standing = this.#standingOf(
      await this.#traffic.send({
        method: 'PUT',
        url: uri,
        headers: { 'Content-Range': `bytes ${from}-${from + count - 1}/${this.#source.size}` },
        body: { length: count, open: () => this.#reader.take(from, count) },
        signal,
        what: uploadWords(this.#target),
        accept: isStanding,
      }),
    )
    chunkSize.stored(this.#traffic.clock.now() - startedAt)
    return standing
  }

  async #ask(uri: string): Promise<Standing> {
    return this.#standingOf(
      await this.#traffic.send({
        method: 'PUT',
        url: uri,
        headers: { 'Content-Range': `bytes */${this.#source.size}` },
        signal: this.#options.signal,
        what: `asking how far the upload of "${this.#target.name}" is`,
        accept: isStanding,
      }),
    )
  }

  #standingOf(answer: HttpAnswer): Standing {
    if (answer.status === 200 || answer.status === 201) return { file: itemOf(answer.body, this.#target.name) }
    if (answer.status !== 308) return 'dead'
    const { range } = answer.headers
    if (range === undefined) return { stored: 0 }
    const last = /^bytes=0-(\d+)$/.exec(range)?.[1]
    if (last === undefined) throw interrupted(this.#target, 'Google Drive did not say how much of it there is')
    return { stored: Number(last) + 1 }
  }
}

/** Resolves with the address where the bytes are to go. */
export async function startUpload(traffic: UploadTraffic, target: UploadTarget, source: ByteSource, signal: AbortSignal): Promise<string> {
  const answer = await traffic.start({
    method: uploadMethod(target),
    url: uploadUrl(traffic.endpoint, target, 'resumable'),
    headers: {
      'Content-Type': 'application/json; charset=UTF-8',
      'X-Upload-Content-Type': 'application/octet-stream',
      'X-Upload-Content-Length': String(source.size),
    },
    body: Buffer.from(uploadMetadata(target, source.modified)),
    signal,
    what: uploadWords(target),
  })
  const { location } = answer.headers
  if (location === undefined || !URL.canParse(location)) throw interrupted(target, 'Google Drive named no address to send it to')
  if (!isTrusted(location, traffic.endpoint)) {
    const message = `Google Drive wants "${target.name}" to be sent to ${hostOf(location)}, which is not a host of Google Drive`
    throw new SyncError('UNREACHABLE', message, { certain: true })
  }
  registerAddress(location)
  return location
}

/** Gives up an upload that has no file yet; Google answers 499 when that is done. */
export async function cancelUpload(traffic: UploadTraffic, uri: string, signal: AbortSignal): Promise<void> {
  await traffic.send({ method: 'DELETE', url: uri, signal, what: 'giving up an upload', accept: (status) => status < 500 })
}

function interrupted({ name }: UploadTarget, why: string): SyncError {
  return new SyncError('INTERRUPTED', `uploading "${name}" was interrupted: ${why}`)
}

/** Of the client errors, 401, 403, 408 and 429 are about the account or the moment; all others say that the session is of no use. */
function isStanding(status: number): boolean {
  return status === 200 || status === 201 || status === 308 || (status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status))
}

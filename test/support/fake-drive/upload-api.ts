import { ApiError, invalid } from './api-error.ts'
import { contentOf, corrupted } from './content.ts'
import type { Content } from './content.ts'
import { parseJson } from './exchange.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { FilesApi } from './files-api.ts'
import type { FakeDriveSettings } from './settings.ts'
import type { Entry, Store } from './store.ts'
import { UNIT, UploadSession } from './upload-session.ts'

const DEAD_TYPE = { 'Content-Type': 'text/html; charset=UTF-8' }

/** Content: in one request with its metadata, or resumable. */
export class UploadApi {
  readonly #store: Store
  readonly #files: FilesApi
  readonly #settings: FakeDriveSettings
  readonly #sessions = new Map<string, UploadSession>()
  /** Origin of session addresses; the server's own when undefined. */
  sessionOrigin: string | undefined

  constructor(store: Store, files: FilesApi, settings: FakeDriveSettings) {
    this.#store = store
    this.#files = files
    this.#settings = settings
  }

  async multipart(exchange: Exchange, replaces: string | undefined): Promise<Reply> {
    const boundary = /^multipart\/related;.*boundary="?([^";]+)"?/.exec(exchange.header('content-type') ?? '')?.[1]
    if (boundary === undefined) throw invalid('Missing end boundary in multipart body.')
    const [metadata, bytes] = partsOf(await exchange.wholeBody(), boundary)
    exchange.note(metadata)
    this.#check(exchange, metadata, replaces, bytes.length)
    return exchange.file(this.#store, this.#save(exchange, metadata, replaces, contentOf(bytes, this.#settings.keepBytesBelow)))
  }

  async start(exchange: Exchange, replaces: string | undefined, origin: string): Promise<Reply> {
    const metadata = await exchange.json()
    this.#check(exchange, metadata, replaces, Number(exchange.header('x-upload-content-length') ?? 0))
    const { query, allDrives } = exchange
    const session = new UploadSession({
      metadata,
      replaces,
      allDrives,
      fields: query.get('fields'),
      keepBelow: this.#settings.keepBytesBelow,
    })
    this.#sessions.set(session.id, session)
    const location = `${this.sessionOrigin ?? origin}/upload/drive/v3/files?uploadType=resumable&upload_id=${session.id}`
    return { status: 200, headers: { Location: location, 'X-GUploader-UploadID': session.id }, body: '' }
  }

  async put(exchange: Exchange): Promise<Reply> {
    const session = this.#sessions.get(exchange.query.get('upload_id') ?? '')
    if (session !== undefined && exchange.effect?.kind === 'expire-session') session.dead = exchange.effect.status ?? 404
    if (session === undefined || session.dead !== undefined) {
      await exchange.wholeBody()
      return { status: session?.dead ?? 404, headers: DEAD_TYPE, body: '<html><title>Not Found</title></html>' }
    }
    return await session.exclusively(async () => await this.#receive(exchange, session))
  }

  async cancel(exchange: Exchange): Promise<Reply> {
    this.#sessions.delete(exchange.query.get('upload_id') ?? '')
    return await Promise.resolve({ status: 499 })
  }

  async #receive(exchange: Exchange, session: UploadSession): Promise<Reply> {
    const range = /^bytes (?:\*|(\d+)-(\d+))\/(\d+)$/.exec(exchange.header('content-range') ?? '')
    if (range === null) throw invalid('Failed to parse Content-Range header.')
    const total = Number(range[3])
    if (range[1] === undefined) {
      if ((await exchange.wholeBody()).length > 0) throw invalid('A status query has no body.')
      if (session.file === undefined && total === 0) return this.#finish(exchange, session)
      return this.#standing(exchange, session)
    }
    const [from, last] = [Number(range[1]), Number(range[2])]
    if (session.file !== undefined) {
      await exchange.wholeBody()
      return this.#standing(exchange, session)
    }
    if (from > session.stored) {
      await exchange.wholeBody()
      const text = `the upload offset is ${from} byte(s), which exceeds already uploaded size of ${session.stored} byte(s).`
      return {
        status: 503,
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
        body: `Invalid request. According to the Content-Range header, ${text}`,
      }
    }
    const final = last + 1 === total
    if (!final && last + 1 - from < UNIT) {
      await exchange.wholeBody()
      throw invalid(
        `Invalid request. The number of bytes uploaded is required to be equal or greater than ${UNIT}, except for the final request.`,
      )
    }
    const whole = await this.#keep(exchange, session, from, last + 1 - from)
    if (!final || !whole) {
      session.discard()
      return this.#standing(exchange, session)
    }
    session.flush()
    return this.#finish(exchange, session)
  }

  /** Keeps the bytes that are new; false when not all of them were kept. */
  async #keep(exchange: Exchange, session: UploadSession, from: number, count: number): Promise<boolean> {
    const most = exchange.effect?.kind === 'partial' ? exchange.effect.bytes : Infinity
    let skip = session.stored - from
    let seen = 0
    try {
      for await (const piece of exchange.body()) {
        const kept = piece.subarray(0, Math.max(0, most - seen))
        seen += piece.length
        if (kept.length > skip) session.append(kept.subarray(skip))
        skip = Math.max(0, skip - kept.length)
      }
    } catch (error) {
      session.discard()
      throw error
    }
    if (seen !== count) throw invalid('The Content-Range header does not match the body.')
    return most >= seen
  }

  #finish(exchange: Exchange, session: UploadSession): Reply {
    const { metadata, replaces } = session
    session.file = this.#save(exchange, metadata, replaces, session.writer.end(), session.allDrives).id
    return this.#standing(exchange, session)
  }

  #standing(exchange: Exchange, session: UploadSession): Reply {
    const entry = session.file === undefined ? undefined : this.#store.peek(session.file)
    if (entry !== undefined) return exchange.file(this.#store, entry, session.fields)
    return { status: 308, headers: session.stored === 0 ? {} : { Range: `bytes=0-${session.stored - 1}` } }
  }

  #check(exchange: Exchange, metadata: Record<string, unknown>, replaces: string | undefined, size: number): void {
    if (replaces !== undefined) {
      const entry = this.#store.get(replaces, exchange.allDrives)
      if (!this.#store.mayAtLeast(entry, 'writer')) {
        throw new ApiError(403, 'insufficientFilePermissions', 'The user does not have sufficient permissions for this file.')
      }
      if (entry.mine) this.#checkRoom(size - (entry.revisions.at(-1)?.content.size ?? 0))
      return
    }
    if (this.#files.prepare(exchange, metadata).mine) this.#checkRoom(size)
  }

  #checkRoom(size: number): void {
    const { storageLimit } = this.#settings
    const text = 'Service Accounts do not have storage quota. Leverage shared drives, or use OAuth delegation instead.'
    if (storageLimit === 0) throw new ApiError(403, 'storageQuotaExceeded', text)
    if (this.used() + size > storageLimit)
      throw new ApiError(403, 'storageQuotaExceeded', "The user's Drive storage quota has been exceeded.")
  }

  /** Bytes that count against the account. */
  used(): number {
    return this.#store.all().reduce((sum, { mine, revisions }) => sum + (mine ? (revisions.at(-1)?.content.size ?? 0) : 0), 0)
  }

  #save(
    exchange: Exchange,
    metadata: Record<string, unknown>,
    replaces: string | undefined,
    sent: Content,
    allDrives = exchange.allDrives,
  ): Entry {
    const content = exchange.effect?.kind === 'corrupt' ? corrupted(sent) : sent
    exchange.query.set('supportsAllDrives', String(allDrives))
    if (replaces === undefined)
      return this.#store.add({ ...this.#files.prepare(exchange, metadata), mimeType: 'application/octet-stream', content })
    const entry = this.#store.get(replaces, allDrives)
    this.#files.change(exchange, entry, metadata)
    this.#store.setContent(entry, content)
    return entry
  }
}

function partsOf(body: Buffer, boundary: string): [Record<string, unknown>, Buffer] {
  const first = body.indexOf('\r\n\r\n')
  const middle = body.indexOf(`\r\n--${boundary}\r\n`, first)
  const second = body.indexOf('\r\n\r\n', middle)
  const end = body.lastIndexOf(`\r\n--${boundary}--`)
  if (first < 0 || middle < 0 || second < 0 || end < second) throw invalid('Malformed multipart body.')
  return [parseJson(body.subarray(first + 4, middle).toString('utf8')), body.subarray(second + 4, end)]
}

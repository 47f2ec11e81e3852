import { Readable } from 'node:stream'

import { SyncError } from '../../errors.ts'
import type { Account } from './account.ts'
import { hasStatus } from './faults.ts'
import type { Item } from './item.ts'

export interface DownloadOptions {
  /** Scheme, host and port. */
  readonly endpoint: string
  readonly fromByte: number
  readonly signal: AbortSignal
}

/** A file's bytes. Rejects with `SOURCE_MISSING` when it was removed since it was looked up. */
export async function download(account: Account, { id, name }: Pick<Item, 'id' | 'name'>, options: DownloadOptions): Promise<Readable> {
  const { endpoint, fromByte, signal } = options
  const { answer, bytes } = await account
    .read({
      method: 'GET',
      url: `${endpoint}/drive/v3/files/${encodeURIComponent(id)}?alt=media&supportsAllDrives=true`,
      headers: fromByte === 0 ? {} : { Range: `bytes=${fromByte}-` },
      signal,
      what: `reading "${name}"`,
      accept: (status) => status === 200 || status === 206 || status === 416,
    })
    .catch((error: unknown) => {
      throw hasStatus(error, 404) ? new SyncError('SOURCE_MISSING', `"${name}" is not in Google Drive any more`) : error
    })
  if (answer.statusCode === 416) {
    answer.destroy()
    return Readable.from([], { objectMode: false })
  }
  const stream = Readable.from(answer.statusCode === 206 ? bytes : from(bytes, fromByte), { objectMode: false })
  // Its reader may lose interest while we wait for bytes.
  stream.once('close', () => answer.destroy())
  return stream
}

/** Of a server that sends everything although it was asked for a part. */
async function* from(bytes: AsyncIterable<Buffer>, fromByte: number): AsyncGenerator<Buffer> {
  let skip = fromByte
  for await (const piece of bytes) {
    if (skip < piece.length) yield piece.subarray(skip)
    skip = Math.max(0, skip - piece.length)
  }
}

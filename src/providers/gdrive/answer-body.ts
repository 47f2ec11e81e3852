import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

import { SyncError } from '../../errors.ts'

/** A page of 1000 items is far below it, also unpacked. Bytes. */
const LARGEST_ANSWER = 16 * 1024 * 1024

const gunzipAsync = promisify(gunzip)

/** The text of an answer that is held as a whole. Rejects as `INTERRUPTED` when it is too large, as sent or unpacked, or was cut off. */
export async function bodyText(bytes: AsyncIterable<Buffer>, { headers }: IncomingMessage, host: string): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of bytes) {
    length += part.length
    if (length > LARGEST_ANSWER) throw tooLarge(host)
    parts.push(part)
  }
  const raw = Buffer.concat(parts)
  if (headers['content-encoding'] !== 'gzip' || length === 0) return raw.toString('utf8')
  try {
    return (await gunzipAsync(raw, { maxOutputLength: LARGEST_ANSWER })).toString('utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(host)
    throw new SyncError('INTERRUPTED', `an answer of ${host} was cut off`)
  }
}

function tooLarge(host: string): SyncError {
  return new SyncError('INTERRUPTED', `an answer of ${host} is larger than ${LARGEST_ANSWER / 1024 / 1024} MiB`)
}

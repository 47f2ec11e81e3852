import { ApiError } from './api-error.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { Entry } from './store.ts'

/** The bytes of a file, or those that `Range` asks for. */
export function contentReply(exchange: Exchange, entry: Entry): Reply {
  const content = entry.revisions.at(-1)?.content
  if (content === undefined) throw new ApiError(403, 'fileNotDownloadable', 'Only files with binary content can be downloaded.')
  if (content.bytes === undefined) throw new ApiError(500, 'internalError', 'The bytes of this file were not kept.')
  const headers = { 'Content-Type': entry.mimeType }
  const range = /^bytes=(\d+)-(\d*)$/.exec(exchange.header('range') ?? '')
  if (range === null) return { status: 200, headers, body: content.bytes }
  const from = Number(range[1])
  if (from >= content.size) return { status: 416, headers: { 'Content-Range': `bytes */${content.size}` }, body: '' }
  const last = range[2] === '' ? content.size - 1 : Math.min(Number(range[2]), content.size - 1)
  return {
    status: 206,
    headers: { ...headers, 'Content-Range': `bytes ${from}-${last}/${content.size}` },
    body: content.bytes.subarray(from, last + 1),
  }
}

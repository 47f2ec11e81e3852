import { randomUUID } from 'node:crypto'

import { SyncError } from '../../errors.ts'
import type { ByteSource } from '../provider.ts'
import { parseAnswer } from './drive-answer.ts'
import { toItem } from './item.ts'
import type { Item } from './item.ts'
import type { StreamedBody } from './send-body.ts'
import { SourceReader } from './source-reader.ts'
import type { UploadTraffic } from './upload-traffic.ts'
import { uploadMetadata, uploadMethod, uploadUrl, uploadWords } from './upload-target.ts'
import type { UploadTarget } from './upload-target.ts'

/** Metadata and content in one request. */
export async function multipartUpload(
  traffic: UploadTraffic,
  target: UploadTarget,
  source: ByteSource,
  signal: AbortSignal,
): Promise<Item> {
  const boundary = randomUUID()
  const part = (type: string): string => `--${boundary}\r\nContent-Type: ${type}\r\n\r\n`
  const metadata = uploadMetadata(target, source.modified)
  const head = Buffer.from(`${part('application/json; charset=UTF-8')}${metadata}\r\n${part('application/octet-stream')}`)
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const reader = new SourceReader(source, signal)
  const body: StreamedBody = {
    length: head.length + source.size + tail.length,
    async *open() {
      yield head
      yield* reader.take(0, source.size)
      yield tail
    },
  }
  try {
    const answer = await traffic.start({
      method: uploadMethod(target),
      url: uploadUrl(traffic.endpoint, target, 'multipart'),
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      body,
      signal,
      what: uploadWords(target),
    })
    return itemOf(answer.body, target.name)
  } finally {
    reader.close()
  }
}

/** The file that an upload was answered with; rejects as `INTERRUPTED` what is not one. */
export function itemOf(body: string, name: string): Item {
  const json = parseAnswer(body)
  if (json === undefined) throw new SyncError('INTERRUPTED', `Google Drive's answer after uploading "${name}" was cut off`)
  return toItem(json)
}

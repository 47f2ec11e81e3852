import { BSON, type Document } from 'mongodb'

import { Wire } from './wire.ts'

/** Stands in a text, a name or an id for bytes that are no UTF-8; each occurrence is replaced by them on its way to the server. */
export const NOT_UTF8 = '<not utf-8>'

/** Sends a command as programs do that do not look at their texts: with FF FE … in the place of `NOT_UTF8`. */
export async function sendCommand(uri: string, command: Document): Promise<Document> {
  const bytes = Buffer.from(BSON.serialize(command))
  for (let at = bytes.indexOf(NOT_UTF8); at >= 0; at = bytes.indexOf(NOT_UTF8)) {
    for (let n = 0; n < NOT_UTF8.length; n++) bytes[at + n] = n % 2 === 0 ? 0xff : 0xfe
  }
  await using wire = await Wire.open(uri)
  const answer = await wire.send(bytes)
  const { ok, writeErrors, errmsg } = answer
  if (ok !== 1 || writeErrors !== undefined) throw new Error(`refused: ${JSON.stringify(writeErrors ?? errmsg)}`)
  return answer
}

export async function insertRaw(uri: string, database: string, project: string, ...documents: readonly object[]): Promise<void> {
  await sendCommand(uri, { insert: project, documents, writeConcern: { w: 'majority' }, $db: database })
}

import { connect } from 'node:net'

import { BSON, MongoClient, type Document } from 'mongodb'

import { opMsg, takeMessages } from './op-msg.ts'

/** Stands in a text, a name or an id for bytes that are no UTF-8; each occurrence is replaced by them on its way to the server. */
export const NOT_UTF8 = '<not utf-8>'

/** Sends a command as programs do that do not look at their texts: with FF FE … in the place of `NOT_UTF8`. */
export async function sendCommand(uri: string, command: Document): Promise<Document> {
  const bytes = Buffer.from(BSON.serialize(command))
  for (let at = bytes.indexOf(NOT_UTF8); at >= 0; at = bytes.indexOf(NOT_UTF8)) {
    for (let n = 0; n < NOT_UTF8.length; n++) bytes[at + n] = n % 2 === 0 ? 0xff : 0xfe
  }
  const { host, port } = await primaryOf(uri)
  const socket = connect(port, host)
  socket.write(opMsg(bytes))
  let received: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer])
      const [answer] = takeMessages(received).messages
      if (!answer) continue
      const { ok, writeErrors, errmsg } = answer.document
      if (ok !== 1 || writeErrors !== undefined) throw new Error(`refused: ${JSON.stringify(writeErrors ?? errmsg)}`)
      return answer.document
    }
  } finally {
    socket.destroy()
  }
  throw new Error('no answer')
}

export async function insertRaw(uri: string, database: string, project: string, ...documents: readonly object[]): Promise<void> {
  await sendCommand(uri, { insert: project, documents, writeConcern: { w: 'majority' }, $db: database })
}

async function primaryOf(uri: string): Promise<{ readonly host: string; readonly port: number }> {
  await using client = await new MongoClient(uri).connect()
  const { primary } = await client.db('admin').command({ hello: 1 })
  const [host = '', port] = String(primary).split(':')
  return { host, port: Number(port) }
}

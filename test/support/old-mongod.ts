import { createServer, type AddressInfo, type Socket } from 'node:net'

import { BSON, type Document } from 'mongodb'
import { onTestFinished } from 'vitest'

import { opMsg, opReply, takeMessages, type WireMessage } from './op-msg.ts'

export interface ServerVersion {
  readonly version: string
  readonly maxWireVersion: number
}

/** A server that says it is of some version, and has nothing else to say. It is gone when the test ends. */
export async function startOldMongod({ version, maxWireVersion }: ServerVersion): Promise<string> {
  const sockets = new Set<Socket>()
  let address = ''
  const hello = (): Document => ({
    isWritablePrimary: true,
    ismaster: true,
    setName: 'old',
    setVersion: 1,
    hosts: [address],
    primary: address,
    me: address,
    maxBsonObjectSize: 16_777_216,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    minWireVersion: 0,
    maxWireVersion,
    logicalSessionTimeoutMinutes: 30,
    ok: 1,
  })
  const answerTo = (command: Document): Document => {
    const [name] = Object.keys(command)
    if (name === 'hello' || name === 'ismaster' || name === 'isMaster') return hello()
    if (name === 'buildInfo') return { version, versionArray: version.split('.').map(Number), ok: 1 }
    return { ok: 0, code: 59, codeName: 'CommandNotFound', errmsg: `no such command: '${name}'` }
  }
  const reply = ({ id, isLegacy, document }: WireMessage): Buffer => {
    const body = BSON.serialize(answerTo(document))
    return isLegacy ? opReply(body, id) : opMsg(body, { to: id })
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    let received: Buffer = Buffer.alloc(0)
    socket
      .once('close', () => sockets.delete(socket))
      .on('error', () => undefined)
      .on('data', (chunk) => {
        const { messages, rest } = takeMessages(Buffer.concat([received, chunk]))
        received = rest
        for (const message of messages) socket.write(reply(message))
      })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `mongodb://${address}/?replicaSet=old`
}

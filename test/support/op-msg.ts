import { BSON, type Document } from 'mongodb'

const OP_MSG = 2013
const OP_QUERY = 2004
const OP_REPLY = 1
/** Length, request, response to, kind of message; then flags, and the kind of the only section. */
const HEADER = 16
const BODY = HEADER + 5

/** A message of MongoDB's wire protocol with one document. */
export function opMsg(body: Uint8Array, { id = 1, to = 0 } = {}): Buffer {
  const head = Buffer.alloc(BODY)
  head.writeInt32LE(BODY + body.length, 0)
  head.writeInt32LE(id, 4)
  head.writeInt32LE(to, 8)
  head.writeInt32LE(OP_MSG, 12)
  return Buffer.concat([head, body])
}

/** The answer to the legacy message that drivers greet a server with. */
export function opReply(body: Uint8Array, to: number): Buffer {
  const head = Buffer.alloc(36)
  head.writeInt32LE(head.length + body.length, 0)
  head.writeInt32LE(to, 8)
  head.writeInt32LE(OP_REPLY, 12)
  head.writeInt32LE(1, 32)
  return Buffer.concat([head, body])
}

export interface WireMessage {
  readonly id: number
  readonly isLegacy: boolean
  readonly document: Document
}

/** Takes whole messages off what has come so far, and gives the rest back. */
export function takeMessages(bytes: Buffer): { readonly messages: readonly WireMessage[]; readonly rest: Buffer } {
  const messages: WireMessage[] = []
  let rest = bytes
  while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
    const length = rest.readInt32LE(0)
    messages.push(readMessage(rest.subarray(0, length)))
    rest = rest.subarray(length)
  }
  return { messages, rest }
}

function readMessage(message: Buffer): WireMessage {
  const isLegacy = message.readInt32LE(12) === OP_QUERY
  // Of a query: flags, the name with its end, two numbers.
  const at = isLegacy ? message.indexOf(0, HEADER + 4) + 1 + 8 : BODY
  const document = BSON.deserialize(message.subarray(at, at + message.readInt32LE(at)), { validation: { utf8: false } })
  return { id: message.readInt32LE(4), isLegacy, document }
}

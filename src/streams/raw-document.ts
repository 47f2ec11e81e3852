import { BSON, ObjectId, type Document } from 'mongodb'

import { messageOf } from '../errors.ts'
import { UNREADABLE, type RepresentationDocument } from '../model/document.ts'

/** As the clients read (`connect.ts`). */
const AS_IT_IS = { bsonRegExp: true, validation: { utf8: false } } as const
/** A field of this name makes a plain object look like a value with a class of its own: the driver refuses to send it. */
const TYPE_MARK = '_bsontype'

/**
 * A document that was left as it came. The server takes values that the driver can't read: regular expressions with unknown options,
 * binary values whose inner length is wrong, and more. Read by the driver, one of them would take its whole batch with it, or the stream.
 */
export function readDocument(bytes: Uint8Array): RepresentationDocument & Document {
  try {
    const document = BSON.deserialize(bytes, AS_IT_IS)
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(TYPE_MARK)) BSON.serialize(document)
    return document as RepresentationDocument & Document
  } catch (error) {
    const why = messageOf(error)
    return { _id: idOf(bytes), type: 'representation', [UNREADABLE]: `something in it can't be read: ${why}` }
  }
}

/** Undefined when something in it can't be read. */
export function readIfReadable(bytes: Uint8Array): RepresentationDocument | undefined {
  const document = readDocument(bytes)
  return document[UNREADABLE] === undefined ? document : undefined
}

/** Can the driver send it to the server? */
export function isSendable(value: unknown): boolean {
  if (typeof value === 'string' || value instanceof ObjectId) return true
  try {
    BSON.serialize({ value })
    return true
  } catch {
    return false
  }
}

/** The id alone, where the rest can't be read; undefined when it can't be read either. */
function idOf(bytes: Uint8Array): unknown {
  try {
    for (const [, nameOffset, nameLength, offset, length] of BSON.onDemand.parseToElements(bytes)) {
      if (Buffer.from(bytes.subarray(nameOffset, nameOffset + nameLength)).toString('latin1') !== '_id') continue
      const element = bytes.subarray(nameOffset - 1, offset + length)
      const alone = Buffer.alloc(element.length + 5)
      alone.writeInt32LE(alone.length)
      alone.set(element, 4)
      return BSON.deserialize(alone, AS_IT_IS)['_id']
    }
  } catch {
    // There is none that anybody can read.
  }
  return undefined
}

import { BSON } from 'mongodb'

/** One element of a BSON document as it lies there: its type, its name, and its bytes, or its own elements. */
export interface BsonNode {
  readonly type: number
  readonly name: string
  readonly value: string | readonly BsonNode[]
}

const OBJECT = 3
const ARRAY = 4

/** A document to the byte: order, types and all, but for the lengths of what encloses what. */
export function bsonNodes(bytes: Uint8Array): readonly BsonNode[] {
  return [...BSON.onDemand.parseToElements(bytes)].map(([type, nameOffset, nameLength, offset, length]) => {
    const name = Buffer.from(bytes.subarray(nameOffset, nameOffset + nameLength)).toString('utf8')
    const value = bytes.subarray(offset, offset + length)
    return { type, name, value: type === OBJECT || type === ARRAY ? bsonNodes(value) : Buffer.from(value).toString('hex') }
  })
}

export function childOf(nodes: readonly BsonNode[], ...path: readonly string[]): readonly BsonNode[] {
  const [name, ...rest] = path
  if (name === undefined) return nodes
  const child = nodes.find((node) => node.name === name)?.value
  if (child === undefined || typeof child === 'string') throw new Error(`there is no ${path.join('/')}`)
  return childOf(child, ...rest)
}

/** The same with nothing in the place of `path`. */
export function without(nodes: readonly BsonNode[], ...path: readonly string[]): readonly BsonNode[] {
  const [first, ...rest] = path
  return nodes.map((node) => {
    if (node.name !== first) return node
    return { ...node, value: rest.length === 0 || typeof node.value === 'string' ? '' : without(node.value, ...rest) }
  })
}

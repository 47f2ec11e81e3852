import { Timestamp, type Document } from 'mongodb'

import { isSendable, readIfReadable } from './raw-document.ts'
import type { StreamEvent } from './stream-event.ts'

/** What a change of the database says of representations and their projects. */
export function eventsOf(change: Document): readonly StreamEvent[] {
  const project: unknown = change['ns']?.coll
  if (change['operationType'] === 'rename') {
    const to: unknown = change['to']?.coll
    const reason = `collection ${String(project)} was renamed to ${String(to)}`
    return [
      ...(typeof project === 'string' ? [{ kind: 'gone', project, isRenamed: true } as const] : []),
      // One of that name may have been there (`dropTarget`, `$out`).
      ...(typeof to === 'string' ? [{ kind: 'gone', project: to } as const] : []),
      { kind: 'moved', reason },
    ]
  }
  if (typeof project !== 'string') return []
  if (change['operationType'] === 'drop') return [{ kind: 'gone', project }]
  const [key, document] = documentsOf(change)
  const id: unknown = key?.()?._id
  // What nobody can name, nobody can look at: should it ask for anything, scans find it and say so.
  if (id === undefined || !isSendable(id)) return []
  switch (change['operationType']) {
    case 'insert':
    case 'update':
    case 'replace':
      return [
        {
          kind: 'changed',
          project,
          representationId: id,
          occasion: change['unpaused'] === true ? { unpaused: true } : {},
          ...(change['clusterTime'] instanceof Timestamp && { writtenAt: change['clusterTime'].getHighBitsUnsigned() }),
          ...(change['operationType'] === 'insert' && { appeared: true }),
          ...(typeof change['results'] === 'number' && { results: change['results'] }),
          ...(document && { document }),
        },
      ]
    case 'delete':
      return [{ kind: 'deleted', project, representationId: id }]
    default:
      return []
  }
}

/** Each reads one of these: the key, and the document where it came along, which nobody may want. */
function documentsOf({ raw }: Document): readonly (() => ReturnType<typeof readIfReadable>)[] {
  return Array.isArray(raw) ? raw.filter((bytes) => bytes instanceof Uint8Array).map((bytes) => () => readIfReadable(bytes)) : []
}

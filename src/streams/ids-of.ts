import { Long, ObjectId, UUID } from 'mongodb'

/** What an id may be that people write as this text. To the server, whole numbers of all types are the same. */
export function idsOf(text: string): readonly unknown[] {
  return [
    text,
    ...(/^[0-9a-f]{24}$/i.test(text) ? [new ObjectId(text)] : []),
    ...(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? [new UUID(text)] : []),
    ...(/^-?\d{1,18}$/.test(text) ? [Long.fromString(text)] : []),
  ]
}

import { ObjectId, type Db } from 'mongodb'

/** Who did what, for whoever asks later. */
export interface AuditEntry {
  readonly who: string
  readonly action: string
  readonly selection: Readonly<Record<string, unknown>>
  readonly records: number
  readonly representations: number
  /** Of a pause that is not written into records. */
  readonly until?: Date
  readonly why?: string
  /** Files that were deleted, and that were to be and stay. */
  readonly deleted?: number
  readonly kept?: number
  /** Of them, not changed. */
  readonly skipped?: number
  readonly interrupted?: true
  /** Of a scheduled verify, which changes nothing: files that were looked at, and those in which something is wrong. */
  readonly looked?: number
  readonly wrong?: number
}

/** Keeps the entry in the state database, with the time. */
export async function audit(state: Db, entry: AuditEntry): Promise<void> {
  await state.collection('audit').insertOne({ at: new Date(), ...entry })
}

export interface KeptAuditEntry extends AuditEntry {
  readonly id: string
  readonly at: Date
}

/** The latest first, those before an entry where one is named. */
export async function auditTrail(
  state: Db,
  { before, limit }: { readonly before?: string | undefined; readonly limit: number },
): Promise<readonly KeptAuditEntry[]> {
  const filter = before === undefined ? {} : { _id: { $lt: new ObjectId(before) } }
  const found = await state.collection('audit').find(filter).sort({ _id: -1 }).limit(limit).toArray()
  return found.map(({ _id, ...entry }) => ({ id: String(_id), ...(entry as AuditEntry & { at: Date }) }))
}

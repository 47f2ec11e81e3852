import type { Db } from 'mongodb'

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
  /** Of them, not changed. */
  readonly skipped?: number
  readonly interrupted?: true
}

/** Keeps the entry in the state database, with the time. */
export async function audit(state: Db, entry: AuditEntry): Promise<void> {
  await state.collection('audit').insertOne({ at: new Date(), ...entry })
}

import type { Db } from 'mongodb'

import { idPlain } from '../model/document.ts'
import { IS_HELD, type Lease } from './lease-writes.ts'
import type { ReportedTransfer } from './state-database.ts'

/** Leases that are looked at. */
const MOST = 500

/** What these instances have under way, by their leases: how far each is, it says when it renews its lease. */
export async function transfersUnderWay(state: Db, instances: readonly string[]): Promise<readonly ReportedTransfer[]> {
  const held = { owner: { $in: [...instances] }, transfer: { $exists: true }, $expr: IS_HELD }
  const leases = await state.collection<Lease>('leases').find(held).limit(MOST).toArray()
  return leases.flatMap(({ attempt, transfer, progress }) =>
    attempt === undefined || !transfer
      ? []
      : [
          {
            id: attempt,
            project: transfer.project,
            representation: idPlain(transfer.representation),
            file: idPlain(transfer.file),
            path: transfer.path,
            site: transfer.site,
            bytes: progress?.bytes ?? 0,
            size: progress?.size ?? 0,
          },
        ],
  )
}

import type { Log } from '../model/log.ts'
import { Outage } from '../streams/outage.ts'

/** Waits through outages of MongoDB, and tells of them in the log. `patienceMs`: see `OutageParts`. */
export function toldOutage(log: Log, patienceMs?: number): Outage {
  return new Outage({
    lost: (error) => log.event('database.lost', { error }),
    recovered: (afterMs) => log.event('database.recovered', { durationMs: afterMs }),
    ...(patienceMs !== undefined && { patienceMs }),
  })
}

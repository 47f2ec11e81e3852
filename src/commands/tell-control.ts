import { hostname, userInfo } from 'node:os'

import { createLogger } from '../logging.ts'
import type { AuditEntry } from '../streams/audit.ts'

/** Who gives the command, for the log and the audit. */
export function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // A container may run under a number that nobody has named.
    return `${process.getuid?.() ?? 'somebody'}@${hostname()}`
  }
}

/** To standard error: what is on standard output is the answer. */
export async function tellControl(entry: AuditEntry, message: string): Promise<void> {
  const log = createLogger({ level: 'info', format: 'auto', stream: process.stderr })
  log.event('controls.changed', { message, extra: { ...entry } })
  await log.close()
}

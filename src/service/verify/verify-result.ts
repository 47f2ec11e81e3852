import type { AuditEntry } from '../../streams/audit.ts'
import type { AdoptCounts } from './adopt-files.ts'
import { wrongOf, type VerifyCounts } from './verify-sites.ts'

/** Was everything looked at, and is nothing wrong? What changed meanwhile was not looked at. */
export function isFine(counts: VerifyCounts): boolean {
  return wrongOf(counts) + counts.not_looked + counts.refused + counts.skipped === 0
}

/** What the audit says of it: how many records were reset. */
export function auditedVerify(
  selection: AuditEntry['selection'],
  { mended: records, mended_representations: representations, skipped }: VerifyCounts,
): Omit<AuditEntry, 'who'> {
  return { action: 'verify', selection, records, representations, skipped }
}

/** Is there nothing that somebody has to look at? What is not there was not sent yet. */
export function isAdopted({ different, alone, unreachable, skipped, refused }: AdoptCounts): boolean {
  return different + alone + unreachable + skipped + refused === 0
}

/** What the audit says of it. */
export function auditedAdopt(
  selection: AuditEntry['selection'],
  { adopted: records, representations, skipped }: AdoptCounts,
): Omit<AuditEntry, 'who'> {
  return { action: 'adopt', selection, records, representations, skipped }
}

/** The answer to whoever asked, as JSON. */
export function adoptJson(counts: AdoptCounts, { interrupted, dryRun }: { readonly interrupted: boolean; readonly dryRun: boolean }) {
  return { action: 'adopt', records: counts.adopted, ...counts, interrupted, dry_run: dryRun }
}

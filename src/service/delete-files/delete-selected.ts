import { audit, type AuditEntry } from '../../streams/audit.ts'
import type { Control } from '../controls.ts'
import { deleteFiles } from './delete-files.ts'
import type { DeletedFile, DeleteCounts, DeleteParts } from './parts.ts'

/** Removes the selected records and deletes their files, and has it audited: what a fault or a signal ended half-way as well. */
export async function* deleteSelected(
  { given }: Control,
  parts: DeleteParts,
  tell: (entry: AuditEntry, message: string) => Promise<void> | void,
  counts: DeleteCounts,
): AsyncGenerator<DeletedFile> {
  const { who, state, dryRun, signal } = parts
  let isWhole = false
  try {
    yield* deleteFiles(parts, counts)
    isWhole = !signal.aborted
  } finally {
    if (!dryRun) {
      const { records, representations, deleted, kept, skipped } = counts
      const selection = { ...given, delete_files: true }
      const done = { records, representations, deleted, kept, skipped, ...(!isWhole && { interrupted: true as const }) }
      const entry = { who, action: 'remove-site', selection, ...done }
      await tell(entry, `remove-site: ${records} records of ${representations} representations, and ${deleted} files, by ${who}`)
      await audit(state, entry)
    }
  }
}

/** The answer to whoever asked, as JSON; what became of each file goes before it. */
export function deletedJson(counts: DeleteCounts, { interrupted, dryRun }: { readonly interrupted: boolean; readonly dryRun: boolean }) {
  const { records, representations, looked, skipped, refused, deleted, kept, shared, missing } = counts
  const edited = { records, representations, looked, skipped, refused }
  return { action: 'remove-site', ...edited, deleted, kept, shared, missing, interrupted, dry_run: dryRun }
}

/** Did everything go that was to go? A file that another entry has there was not. */
export function isWholly({ kept, shared, refused }: DeleteCounts): boolean {
  return kept === shared && refused === 0
}

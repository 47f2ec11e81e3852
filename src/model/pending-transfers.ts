import type { RepresentationDocument } from './document.ts'
import type { ProjectSettings } from './settings.ts'
import type { Transfer } from './transfer.ts'
import { examine, type Verdict } from './verdict.ts'

export interface Plan {
  /** In frame order. */
  readonly transfers: readonly Transfer[]
  /** One a file and target site. */
  readonly verdicts: readonly Verdict[]
  readonly unreadable: readonly string[]
}

const byFrame = new Intl.Collator('en', { numeric: true })

/** The transfers that a document needs under these settings. */
export function pendingTransfers(
  document: RepresentationDocument,
  project: string,
  settings: ProjectSettings,
  misconfigured: ReadonlyMap<string, unknown>,
): Plan {
  const { verdicts, unreadable } = examine(document, project, settings, misconfigured)
  const transfers = verdicts.flatMap(({ transfer }) => (transfer ? [transfer] : []))
  if (transfers.length > 1) transfers.sort((a, b) => byFrame.compare(a.path, b.path))
  return { transfers, verdicts, unreadable }
}

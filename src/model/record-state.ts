import type { SelectableState } from './selection.ts'
import type { SiteRecord } from './site-record.ts'

/** What one record says; `failed` is pending, and failed before; `bad-tries`: its "tries" is no number. */
export type RecordState = SelectableState | 'bad-tries'

export function recordState({ created, paused, tries, error }: SiteRecord, retryCount: number): RecordState {
  if (created) return 'synced'
  if (paused) return 'paused'
  if (tries === undefined) return 'bad-tries'
  if (tries >= retryCount) return 'exhausted'
  return tries > 0 || error !== undefined ? 'failed' : 'pending'
}

/** The states as `status` counts them: what is pending and failed before is both. */
export function isInState(record: SiteRecord, state: SelectableState, retryCount: number): boolean {
  const is = recordState(record, retryCount)
  return is === state || (state === 'pending' && is === 'failed')
}

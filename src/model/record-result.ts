/** What a result makes of a record. */
export type RecordResult =
  | { readonly kind: 'synced'; readonly id: string }
  /** Spends a try. */
  | { readonly kind: 'failed'; readonly error: string }
  /** Names the reason, spends nothing. */
  | { readonly kind: 'site-trouble'; readonly error: string }
  /** Not a result yet: how much is there, from 0 to 1. */
  | { readonly kind: 'progress'; readonly progress: number }

/** What became of a result. */
export type WriteResult =
  | { readonly kind: 'written' }
  /** The document, the file entry or the record is not there any more. */
  | { readonly kind: 'gone'; readonly what: 'document' | 'file entry' | 'skeleton' }
  /** Somebody rewrote the record since it was claimed. */
  | { readonly kind: 'rewritten' }
  /** The lease ended before the write came: it is somebody else's now. */
  | { readonly kind: 'fenced' }

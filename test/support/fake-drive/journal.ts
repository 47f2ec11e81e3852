import type { Operation } from './faults.ts'

/** One request, as it was served. */
export interface JournalEntry {
  readonly operation: Operation
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly contentRange: string | undefined
  readonly authorization: string | undefined
  /** Numbered from 1 as they were opened. */
  readonly connection: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** 0 until it was answered, and when it never was. */
  status: number
  requestBytes: number
  /** The JSON that came with it: metadata, or the body. */
  metadata?: Record<string, unknown>
}

/** Every request, in the order of their arrival. */
export class Journal {
  readonly entries: JournalEntry[] = []
  /** The most that were served at once. */
  concurrent = 0
  /** Of these, uploads. */
  concurrentUploads = 0

  of(...operations: readonly Operation[]): JournalEntry[] {
    return this.entries.filter(({ operation }) => operations.includes(operation))
  }

  count(...operations: readonly Operation[]): number {
    return this.of(...operations).length
  }

  get connections(): number {
    return new Set(this.entries.map(({ connection }) => connection)).size
  }

  clear(): void {
    this.entries.length = 0
  }
}

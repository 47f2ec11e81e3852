import type { Transfer } from './transfer.ts'

/** A representation was looked at, and these transfers are pending in it. */
export interface Look {
  /**
   * What led to it: a change that the stream told of; work of ours that ended (`again`); a regular scan (`interval`), which finds what
   * nobody told of; or another scan, which looks for what is known to be missing.
   */
  readonly lead: 'change' | 'again' | 'interval' | 'scan'
  readonly project: string
  readonly representationId: unknown
  readonly transfers: readonly Transfer[]
}

/** Hears of the looks: metrics do. */
export type Looked = (look: Look) => void

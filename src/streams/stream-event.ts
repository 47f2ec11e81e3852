import type { RepresentationDocument } from '../model/document.ts'
import type { Occasion } from '../model/eligibility.ts'

/** What the change stream says. It is a hint, also where it shows a document: whoever acts on it reads that again. */
export type StreamEvent =
  | {
      readonly kind: 'changed'
      readonly project: string
      readonly representationId: unknown
      readonly occasion: Occasion
      /** When it was written, by the database: seconds since 1970. */
      readonly writtenAt?: number
      /** It was inserted. */
      readonly appeared?: true
      /** It looks like so many results; undefined: like something else. */
      readonly results?: number
      /** Of a small document that is new: reads all of it, as it was published; undefined when something in it can't be read. */
      readonly document?: () => RepresentationDocument | undefined
    }
  | { readonly kind: 'deleted'; readonly project: string; readonly representationId: unknown }
  /** The collection of a project is not what it was: dropped, renamed (its documents are elsewhere), or replaced by a renamed one. */
  | { readonly kind: 'gone'; readonly project: string; readonly isRenamed?: true }
  /** Documents came by another way than a write (a renamed collection): scan. */
  | { readonly kind: 'moved'; readonly reason: string }
  /** Fresh: what happened before is not told; scan. */
  | { readonly kind: 'opened' }
  /** Where it was left: nothing is missing. */
  | { readonly kind: 'resumed' }
  | { readonly kind: 'lost'; readonly reason: string; readonly historyLost: boolean }
  /** There are no change streams here; asked again later. */
  | { readonly kind: 'unavailable'; readonly reason: string }

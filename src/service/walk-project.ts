import type { Db } from 'mongodb'

import { listByIndex, listStretch, type Listed, type PageParts, type Place } from '../streams/listing.ts'

/** How long a list may take. */
export interface Pace {
  /** Documents that are looked through at first, and at most, in one go. */
  readonly first: number
  readonly most: number
  /** After this time the first rows are shown, however few; where there are none, or others are shown already, indexes are asked. Milliseconds. */
  readonly soonMs: number
  /** After this time it is said how far it was looked, whatever was found. */
  readonly lateMs: number
  /** How long indexes may take to lead to what is rare. */
  readonly indexMs: number
}

const PACE: Pace = { first: 1_000, most: 16_000, soonMs: 120, lateMs: 4_000, indexMs: 1_500 }

export interface Walk {
  /** Nothing is shown yet: a few rows at once are better than many later. */
  readonly isFirst: boolean
  /** Other projects had something. */
  readonly hasSome: boolean
  readonly began: number
  readonly pace?: Pace | undefined
  /** An index may lead to what is asked for. */
  readonly isIndexed: boolean
}

export interface Walked {
  readonly found: readonly Listed[]
  /** It took too long: how far it was looked. */
  readonly upTo: Place | undefined
}

/**
 * Looks through a project by id until there are as many as asked for, in stretches that grow: what matches is often near, and where it is
 * not, somebody waits. Reading in the order of ids costs a few microseconds a document, by other indexes several times as much; so those are
 * asked only where too little came soon.
 */
export async function walkProject(
  db: Db,
  project: string,
  parts: PageParts,
  { isFirst, hasSome, began, pace = PACE, isIndexed }: Walk,
): Promise<Walked> {
  const found: Listed[] = []
  const left = (): number => parts.limit - found.length
  let { after } = parts
  let isTried = !isIndexed
  for (let documents = pace.first; ; documents = Math.min(documents * 2, pace.most)) {
    const stretch = await listStretch(db, project, { ...parts, after, limit: left() }, documents)
    found.push(...stretch.found)
    after = stretch.upTo
    if (left() === 0 || !after) return { found, upTo: undefined }
    const took = performance.now() - began
    if (took < pace.soonMs) continue
    if (isFirst && (hasSome || found.length > 0)) return { found, upTo: after }
    if (!isTried) {
      isTried = true
      const rest = await listByIndex(db, project, { ...parts, after, limit: left() }, pace.indexMs)
      if (rest) return { found: [...found, ...rest], upTo: undefined }
    }
    if (took >= pace.lateMs) return { found, upTo: after }
  }
}

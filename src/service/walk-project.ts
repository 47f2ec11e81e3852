import { setTimeout as delay } from 'node:timers/promises'

import type { Db } from 'mongodb'

import { listByIndex, listStretch, type Listed, type PageParts, type Place } from '../streams/listing.ts'

/** How long a list may take. */
export interface Pace {
  /** Documents that are looked through at first, and at most, in one go. */
  readonly first: number
  readonly most: number
  /** After this time in a project without a row, indexes are asked. Milliseconds. */
  readonly emptyMs: number
  /** After this time the first rows are shown, however few; where others are shown already, indexes are asked. Milliseconds. */
  readonly soonMs: number
  /** After this time it is said how far it was looked, whatever was found. */
  readonly lateMs: number
  /** How long indexes are waited for before it is looked on by id beside. Milliseconds. */
  readonly aloneMs: number
  /** How long indexes may take to lead to what is rare. Milliseconds. */
  readonly indexMs: number
}

const PACE: Pace = { first: 1_000, most: 16_000, emptyMs: 30, soonMs: 120, lateMs: 4_000, aloneMs: 600, indexMs: 3_000 }

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
 * asked only where too little came soon. Where they take long, so much is open that it may be found sooner by id: both go on then.
 */
export async function walkProject(db: Db, project: string, parts: PageParts, walk: Walk): Promise<Walked> {
  const ended = new AbortController()
  try {
    return await looked(db, project, { ...parts, signal: AbortSignal.any([parts.signal, ended.signal]) }, walk)
  } finally {
    ended.abort()
  }
}

interface Step extends Walked {
  /** Nothing is left of the project. */
  readonly isLast?: true
}

async function looked(
  db: Db,
  project: string,
  parts: PageParts,
  { isFirst, hasSome, began, pace = PACE, isIndexed }: Walk,
): Promise<Walked> {
  const found: Listed[] = []
  const left = (): number => parts.limit - found.length
  const rest = async (place: Place, before: readonly Listed[]): Promise<Step | undefined> => {
    const more = await listByIndex(db, project, { ...parts, after: place, limit: parts.limit - before.length }, pace.indexMs)
    return more && { found: [...before, ...more], upTo: undefined, isLast: true }
  }
  const entered = performance.now()
  let { after } = parts
  let byIndex: ReturnType<typeof rest> | undefined
  for (let documents = pace.first; ; documents = Math.min(documents * 2, pace.most)) {
    const stretch: Promise<Step> = listStretch(db, project, { ...parts, after, limit: left() }, documents)
    const step = await (byIndex ? Promise.race([stretch, byIndex.then(async (all) => all ?? stretch)]) : stretch)
    if (step.isLast) return step
    found.push(...step.found)
    after = step.upTo
    if (left() === 0 || !after) return { found, upTo: undefined }
    const now = performance.now()
    if (isFirst && now - began >= pace.soonMs && (hasSome || found.length > 0)) return { found, upTo: after }
    if (isIndexed && !byIndex && (found.length === 0 ? now - entered >= pace.emptyMs : now - began >= pace.soonMs)) {
      byIndex = rest(after, [...found])
      const all = await Promise.race([byIndex, delay(pace.aloneMs, undefined, { signal: parts.signal })])
      if (all) return all
    }
    if (now - began >= pace.lateMs) return (await byIndex) ?? { found, upTo: after }
  }
}

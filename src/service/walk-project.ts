import { setTimeout as delay } from 'node:timers/promises'

import type { Db, Document } from 'mongodb'

import { listByIndex, listStretch, type Listed, type PageParts, type Place } from '../streams/listing.ts'

/** How long a list may take. */
export interface Pace {
  /** Documents that are looked through at first, and at most, in one go. */
  readonly first: number
  readonly most: number
  /** After this time in a project without a row, indexes are asked. Milliseconds. */
  readonly emptyMs: number
  /** After this time the first answer is given, however few rows it has; where others are shown already, indexes are asked. Milliseconds. */
  readonly soonMs: number
  /** After this time any answer is given, with how far it was looked. Milliseconds. */
  readonly lateMs: number
  /** How long indexes are waited for before it is looked on by id beside. Milliseconds. */
  readonly aloneMs: number
  /** How long indexes may take to lead to what is rare. Milliseconds. */
  readonly indexMs: number
}

export const PACE: Pace = { first: 1_000, most: 16_000, emptyMs: 30, soonMs: 120, lateMs: 1_000, aloneMs: 600, indexMs: 1_000 }

export interface Walk {
  /** Nothing is shown yet: a few rows at once are better than many later. */
  readonly isFirst: boolean
  /** Other projects had something. */
  readonly hasSome: boolean
  readonly began: number
  readonly pace: Pace
  /** An index may lead to what is asked for. */
  readonly isIndexed: boolean
  /** Filters of what the index leads to much sooner than to all, and of the others, where it can be told apart. */
  readonly split?: { readonly tried: Document; readonly others: Document } | undefined
}

export interface Walked {
  readonly found: readonly Listed[]
  /** It took too long: how far it was looked. */
  readonly upTo: Place | undefined
}

/**
 * Looks through a project by id until there are as many as asked for, in stretches that grow: what matches is often near, and where it is
 * not, somebody waits. Reading in the order of ids costs a few microseconds a document, by other indexes several times as much; so those are
 * asked only where too little came soon. What has tries is asked for first, as the index tells it from what only waits: it is given before
 * the others where it is few. Where indexes take long, so much is open that it may be found sooner by id: both go on then.
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

async function looked(db: Db, project: string, parts: PageParts, walk: Walk): Promise<Walked> {
  const { isFirst, hasSome, began, pace } = walk
  const { limit, after: start, signal } = parts
  let { rest, byId } = start ?? {}
  let filter = rest && walk.split ? walk.split.others : parts.filter
  let after = start
  const found: Listed[] = []
  const at = (place: Place): Place => ({ ...place, ...(rest && { rest }), ...(byId && { byId }) })
  const add = (listed: readonly Listed[]): readonly Listed[] => listed.map(({ document, place }) => ({ document, place: at(place) }))
  const asked = (): PageParts => ({ ...parts, filter, after, limit: limit - found.length })
  const byIndex = async (): Promise<Step | undefined> => {
    const before = [...found]
    const more = await listByIndex(db, project, asked(), pace.indexMs)
    return more && { found: [...before, ...add(more)], upTo: undefined, isLast: true }
  }
  const isSoon = (): boolean => isFirst && performance.now() - began >= pace.soonMs
  const entered = performance.now()
  let index: Promise<Step | undefined> | undefined
  for (let documents = pace.first; ; documents = Math.min(documents * 2, pace.most)) {
    const stretch: Promise<Step> = listStretch(db, project, asked(), documents)
    const step = await (index ? Promise.race([stretch, index.then(async (all) => all ?? stretch)]) : stretch)
    if (step.isLast) return step
    found.push(...add(step.found))
    if (found.length >= limit || !step.upTo) return { found, upTo: undefined }
    after = at(step.upTo)
    const isIndexed = walk.isIndexed && !byId
    if (isSoon() && (hasSome || found.length > 0 || !isIndexed)) return { found, upTo: after }
    const isAsked = found.length === 0 ? performance.now() - entered >= pace.emptyMs : performance.now() - began >= pace.soonMs
    if (isIndexed && !index && isAsked) {
      if (walk.split && !rest) {
        const tried = await listByIndex(db, project, { ...asked(), filter: walk.split.tried }, pace.aloneMs)
        if (!tried) byId = true
        // As many as fit may not be all: others of them, and what lies between, would be skipped.
        else if (found.length + tried.length < limit) {
          rest = true
          filter = walk.split.others
          const place = (after = at(after))
          found.push(...tried.map(({ document }) => ({ document, place })))
          if (isSoon() || (isFirst && found.length > 0)) return { found, upTo: after }
        }
      }
      if (!byId) {
        index = byIndex()
        const all = await Promise.race([index, delay(pace.aloneMs, undefined, { signal })])
        if (all) return all
      }
    }
    if (performance.now() - began < pace.lateMs) continue
    if (index) byId = true
    return { found, upTo: at(after) }
  }
}

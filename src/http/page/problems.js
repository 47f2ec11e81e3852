import { get } from './api.js'

/** Representations that are looked at to group their errors. */
const MOST = 1_000
const PAGE = 200
/** Shorter pieces of an error say too little to select by. */
const LEAST_LENGTH = 8

/** What differs from file to file in the same error: names in quotes, paths, numbers. */
const VARYING = /"[^"]*"|'[^']*'|(?:\{root[^}]*\})?(?:[A-Za-z]:)?[\\/][^\s:,;]+|[0-9a-f]{8,}|\d+/g

export const templateOf = (error) => error.replace(VARYING, '…')

/** The longest piece that all errors of a group have in common: what to select them by. */
export function commonPart(error) {
  const pieces = templateOf(error)
    .split('…')
    .map((piece) => piece.trim())
    .toSorted((one, other) => other.length - one.length)
  return pieces[0].length >= LEAST_LENGTH ? pieces[0] : undefined
}

/** Files that failed, grouped by site and error, the most first. */
export function groupErrors(items) {
  const groups = new Map()
  for (const { sites } of items) {
    for (const { site, error, failed, exhausted } of sites) {
      if (error === undefined || failed + exhausted === 0) continue
      const key = JSON.stringify([site, templateOf(error)])
      const group = groups.get(key) ?? { key, site, error, part: commonPart(error), failed: 0, exhausted: 0, representations: 0 }
      group.failed += failed
      group.exhausted += exhausted
      group.representations++
      groups.set(key, group)
    }
  }
  return [...groups.values()].toSorted((one, other) => other.failed + other.exhausted - one.failed - one.exhausted)
}

/** Asks for everything that failed, up to a bound; `isWhole` says whether that was all. */
export async function readProblems() {
  const items = []
  let cursor
  do {
    const page = await get('transfers', { state: 'failed,exhausted', sort: '-id', limit: PAGE, cursor })
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== null && items.length < MOST)
  return { groups: groupErrors(items), isWhole: cursor === null }
}

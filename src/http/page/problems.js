import { get } from './api.js'

/** Representations that are looked at to group their errors. */
const MOST = 1_000
const PAGE = 200
/** Shorter pieces of an error say too little to select by. */
const LEAST_LENGTH = 8

/** The longest piece that all errors of a cause have in common: what to select them by. */
export function commonPart(cause) {
  const pieces = cause
    .split('…')
    .map((piece) => piece.trim())
    .toSorted((one, other) => other.length - one.length)
  return pieces[0].length >= LEAST_LENGTH ? pieces[0] : undefined
}

/**
 * Files that failed, grouped by cause, the most first. A file that fails for the same error at several sites has one cause, which is not at
 * these sites; errors that are alike at sites that share no such file may have a cause each.
 */
export function groupErrors(items) {
  const found = new Map()
  for (const item of items) {
    const texts = Map.groupBy(item.sites.flatMap(errorsAt), ({ error }) => error)
    for (const same of texts.values()) {
      const [{ cause }] = same
      const groups = found.get(cause) ?? []
      const sites = same.map(({ site }) => site)
      const joined = groups.filter((group) => sites.some((site) => group.sites.has(site)))
      const group = joined.reduce(join, emptyGroup(cause, same[0].error))
      add(group, same)
      found.set(cause, [...groups.filter((each) => !joined.includes(each)), group])
    }
  }
  return [...found.values()]
    .flat()
    .map(({ sites, ...group }) => ({
      ...group,
      sites: [...sites].toSorted((one, other) => (one < other ? -1 : 1)),
      key: JSON.stringify([group.cause, ...sites]),
    }))
    .toSorted((one, other) => other.files - one.files)
}

const errorsAt = ({ site, errors = [] }) => errors.map((each) => ({ site, ...each }))

const emptyGroup = (cause, error) => ({
  cause,
  error,
  part: commonPart(cause),
  sites: new Set(),
  files: 0,
  failed: 0,
  exhausted: 0,
  representations: 0,
})

/** A file counts once, at however many sites it failed. */
function add(group, same) {
  for (const { site, failed, exhausted } of same) {
    group.sites.add(site)
    group.failed += failed
    group.exhausted += exhausted
  }
  group.files += Math.max(...same.map(({ failed, exhausted }) => failed + exhausted))
  group.representations++
}

function join(one, other) {
  for (const site of other.sites) one.sites.add(site)
  for (const key of ['files', 'failed', 'exhausted', 'representations']) one[key] += other[key]
  return { ...one, error: other.error }
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

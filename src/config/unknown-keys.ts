import type { KeyOf, Problems } from './problems.ts'
import type { RawObject } from './read-json.ts'

/** Known under another name here. */
const RENAMED: Readonly<Record<string, string>> = {
  active_site: 'publish_site',
  retries: 'retry_cnt',
  retry_count: 'retry_cnt',
  credentials: 'credentials_url',
  credentials_file: 'credentials_url',
  roots: 'root',
  endpoint: 'api_endpoint',
}

/** Warns of keys that nothing reads: a studio may keep its own notes, but a slip of the pen should be seen. */
export function warnOfUnknownKeys(raw: RawObject, known: readonly string[], keyOf: KeyOf, problems: Problems): void {
  for (const key of Object.keys(raw)) {
    if (known.includes(key)) continue
    const meant = nearest(key, known)
    problems.warn(`${keyOf([key])} is not known and not used${meant === undefined ? '' : `; did you mean ${meant}?`}`)
  }
}

/** The candidate that differs by the fewest letters, if it is close enough to be meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const all = [...candidates]
  const renamed = Object.hasOwn(RENAMED, word) ? RENAMED[word] : undefined
  if (renamed !== undefined && all.includes(renamed)) return renamed
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 4)))
  const ranked = all
    .filter((candidate) => Math.abs(candidate.length - word.length) <= limit && word.length <= 64)
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter((rank) => rank.distance <= limit)
    .sort((one, other) => one.distance - other.distance)
  return ranked[0]?.candidate
}

/** Letters to insert, remove or replace (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < other.length; j++) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (one[i] === other[j] ? 0 : 1)))
    }
    row = next
  }
  return row[other.length] ?? 0
}

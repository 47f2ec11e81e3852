const MARK = '[redacted]'
/** Shorter ones are no secrets, and would blot out ordinary words. */
const MIN_LENGTH = 12
/** What a server says is a sentence. */
const MAX_CHARACTERS = 300

/**
 * What a server said, on one line and cut, without what it was told in confidence: whatever becomes of a fault's message, a log, a record
 * or an answer to an operator, no token and no upload address is in it.
 */
export function withoutEchoes(said: string, secrets: readonly string[]): string {
  const spellings = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), decoded(secret)])
  const longestFirst = spellings.filter(({ length }) => length >= MIN_LENGTH).toSorted((one, other) => other.length - one.length)
  let clean = said
  for (const spelling of longestFirst) clean = clean.replaceAll(spelling, MARK)
  return clean.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_CHARACTERS)
}

/** What is secret in the address of a request: all of it, as an upload's may be of any form. */
export function secretsOf(address: string): string[] {
  const url = URL.parse(address)
  if (url === null) return [address]
  return [address, `${url.pathname}${url.search}`, url.search.slice(1), url.searchParams.get('upload_id') ?? '']
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Values that must not leave the process, in whatever text. Whoever comes to know one says so here; see docs/security.md. */

export type SecretKind = 'password' | 'key' | 'token' | 'session'

/** How many of a kind are kept, the latest: a token each hour must not push out a password. A key counts once for each of its lines. */
const MOST: Readonly<Record<SecretKind, number>> = { password: 200, key: 2_000, token: 50, session: 100 }
/** Shorter ones would blot out ordinary words; they are still caught by the patterns around them. */
const MIN_LENGTH = 6
const MARK = '[redacted]'

const kept = new Map<SecretKind, Set<string>>()
let spellings: readonly string[] | undefined

/** From now on this value shows nowhere: neither as it is, nor as it looks inside an address or inside JSON. */
export function registerSecret(kind: SecretKind, value: string): void {
  if (value.length < MIN_LENGTH || MARK.includes(value)) return
  const values = kept.get(kind) ?? new Set()
  kept.set(kind, values)
  const isKnown = values.delete(value)
  values.add(value)
  if (isKnown) return
  for (const oldest of values) {
    if (values.size <= MOST[kind]) break
    values.delete(oldest)
  }
  spellings = undefined
}

/** A private key: each of its lines, and all of them as one. */
export function registerKey(pem: string): void {
  const lines = pem.split(/\s*(?:\r|\n|\\n)\s*/).filter((line) => line !== '' && !line.startsWith('-----'))
  for (const text of [lines.join(''), ...lines]) registerSecret('key', text)
}

/** An address that is itself a permission, such as that of an upload: all of it, what follows the host, and each long value in it. */
export function registerAddress(address: string): void {
  const url = URL.parse(address)
  const values = url === null ? [] : [`${url.pathname}${url.search}`, ...url.searchParams.values()]
  for (const text of [address, ...values]) if (text.length >= LONG_VALUE) registerSecret('session', text)
}

/** Parts of an address that are shorter are words such as `resumable`. */
const LONG_VALUE = 20

/** The text with `[redacted]` in the place of every secret that is known. */
export function withoutSecrets(text: string): string {
  let clean = text
  for (const secret of known()) if (secret.length <= clean.length && clean.includes(secret)) clean = clean.replaceAll(secret, MARK)
  return clean
}

/** Characters of the longest one, as it is spelled. */
export function maxSecretLength(): number {
  return known()[0]?.length ?? 0
}

/** The longest first: one secret may be part of another. */
function known(): readonly string[] {
  spellings ??= [...new Set([...kept.values()].flatMap((values) => [...values].flatMap(spellingsOf)))].toSorted(
    (one, other) => other.length - one.length,
  )
  return spellings
}

function spellingsOf(secret: string): readonly string[] {
  const wellFormed = secret.toWellFormed()
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(wellFormed), encodeURI(wellFormed)]
}

import { isPlain } from './document.ts'

/** What stands in a text for bytes that are not UTF-8; which bytes they were is lost. */
const REPLACEMENT = '\uFFFD'

/** Was it stored as something that is not UTF-8? A name that is read so is not the name that is there. */
export function isBroken(text: string): boolean {
  return text.includes(REPLACEMENT)
}

/** Where in a value the first broken text stands, as a dotted path below `at`; undefined when there is none. */
export function brokenText(value: unknown, at: string): string | undefined {
  if (typeof value === 'string') return isBroken(value) ? at : undefined
  const entries = Array.isArray(value) ? value.entries() : isPlain(value) ? Object.entries(value) : []
  for (const [key, element] of entries) {
    const below = at === '' ? String(key) : `${at}.${key}`
    const found = isBroken(String(key)) ? below : brokenText(element, below)
    if (found !== undefined) return found
  }
  return undefined
}

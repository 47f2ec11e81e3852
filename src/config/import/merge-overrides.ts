import { isRawObject, rawObject, type RawObject } from '../read-json.ts'

/** Names the keys beside it whose values are replaced as a whole. */
const WHOLE = '__overriden_keys__'

/** What was overridden over what holds otherwise, as OpenPype puts them together; its notes are gone afterwards. */
export function mergeOverrides(base: RawObject, override: RawObject): RawObject {
  const whole = new Set(Array.isArray(override[WHOLE]) ? override[WHOLE] : [])
  const merged = rawObject(Object.entries(base))
  for (const [key, value] of Object.entries(override)) {
    if (key === WHOLE) continue
    const below = base[key]
    merged[key] = isRawObject(value) && isRawObject(below) && !whole.has(key) ? mergeOverrides(below, value) : withoutNotes(value)
  }
  return merged
}

function withoutNotes(value: unknown): unknown {
  return isRawObject(value) ? mergeOverrides(rawObject([]), value) : value
}

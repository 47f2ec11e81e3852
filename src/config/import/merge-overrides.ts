import { isRawObject, OPENPYPE_NOTE, rawObject, type RawObject } from '../read-json.ts'

/** What was overridden over what holds otherwise, as OpenPype puts them together; its notes are gone afterwards. */
export function mergeOverrides(base: RawObject, override: RawObject): RawObject {
  // It names the keys beside it whose values are replaced as a whole.
  const note = override[OPENPYPE_NOTE]
  const whole = new Set(Array.isArray(note) ? note : [])
  const merged = rawObject(Object.entries(base))
  for (const [key, value] of Object.entries(override)) {
    if (key === OPENPYPE_NOTE) continue
    const below = base[key]
    merged[key] = isRawObject(value) && isRawObject(below) && !whole.has(key) ? mergeOverrides(below, value) : withoutNotes(value)
  }
  return merged
}

function withoutNotes(value: unknown): unknown {
  return isRawObject(value) ? mergeOverrides(rawObject([]), value) : value
}

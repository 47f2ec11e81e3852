import type { RawSite } from './layout.ts'
import { isRawObject, rawObject } from './read-json.ts'

/** Key by key: what the override says counts, and is what a mistake names. */
export function mergeSite(general: RawSite | undefined, override: RawSite): RawSite {
  const own = override.value
  if (!general || !isRawObject(general.value) || !isRawObject(own)) return override
  return {
    ...general,
    value: rawObject([...Object.entries(general.value), ...Object.entries(own)]),
    keyOf: (path) => (path[0] === undefined || path[0] in own || !isKeyOf(general, path[0]) ? override.keyOf(path) : general.keyOf(path)),
  }
}

function isKeyOf({ value }: RawSite, key: PropertyKey): boolean {
  return isRawObject(value) && key in value
}

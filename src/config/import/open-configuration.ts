import { formatKey, type Path } from '../problems.ts'
import { isRawObject, rawObject, type RawObject } from '../read-json.ts'
import { isSecretKey } from '../register-secrets.ts'

/** The same without what is secret, for a terminal or a pipe; the keys that are missing then. */
export function openConfiguration(configuration: RawObject): { readonly shown: RawObject; readonly hidden: readonly string[] } {
  const hidden: string[] = []
  const copy = (value: RawObject, path: Path): RawObject =>
    rawObject(
      Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
        const at = [...path, key]
        if (isRawObject(item)) return [[key, copy(item, at)]]
        if (typeof item !== 'string' || item === '' || !isSecretKey(key)) return [[key, item]]
        hidden.push(formatKey(at))
        return []
      }),
    )
  return { shown: copy(configuration, []), hidden }
}

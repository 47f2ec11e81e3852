import type { KeyOf, Path } from './problems.ts'
import { isOsMap, osName } from './paths.ts'
import { isRawObject, rawObject } from './read-json.ts'

export interface FilledRoot {
  /** What there is for this operating system; `undefined` when that is nothing. */
  readonly root: unknown
  /** What holds nothing, for people: `sites.nas.root.linux is empty`. */
  readonly unfilled: readonly string[]
}

/** What was filled in of a root. The legacy settings hold empty texts, or null, where nothing was; a path for another system is none here. */
export function filledRoot(raw: unknown, keyOf: KeyOf, platform: NodeJS.Platform): FilledRoot {
  const os = osName(platform)
  const unfilled: string[] = []
  const note = (value: unknown, path: Path): undefined =>
    void unfilled.push(`${keyOf(path)} is ${value === undefined ? 'missing' : 'empty'}`)
  const pick = (value: unknown, path: Path): { own: unknown; at: Path } =>
    isOsMap(value) ? { own: value[os], at: [...path, os] } : { own: value, at: path }

  const { own, at } = pick(raw, ['root'])
  const names = isRawObject(own) ? Object.entries(own) : []
  if (names.length === 0) return { root: isEmpty(own) ? note(own, at) : own, unfilled }
  const filled: [string, unknown][] = []
  for (const [name, value] of names) {
    const one = pick(value, [...at, name])
    if (isEmpty(one.own)) note(one.own, one.at)
    else filled.push([name, one.own])
  }
  return { root: filled.length > 0 ? rawObject(filled) : undefined, unfilled }
}

/** Also of parts that are all empty. */
export function isEmpty(value: unknown): boolean {
  if (isRawObject(value)) return Object.values(value).every(isEmpty)
  return value === undefined || value === null || value === ''
}

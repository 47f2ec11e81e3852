import { ApiError } from './api-error.ts'

/** A `fields` parameter: which fields of an answer are wanted. `true`: all of that one. */
export type FieldMask = ReadonlyMap<string, FieldMask | true>

/** Reads `a,b/c,files(id,name)` and `*`. */
export function parseFields(text: string): FieldMask {
  let at = 0
  const bad = (): ApiError => new ApiError(400, 'invalidParameter', `Invalid field selection ${text}`)
  const list = (): FieldMask => {
    const mask = new Map<string, FieldMask | true>()
    for (;;) {
      const name = /^[\w*]+/.exec(text.slice(at).trimStart())?.[0]
      if (name === undefined) throw bad()
      at = text.indexOf(name, at) + name.length
      mask.set(name, inner())
      if (text[at] !== ',') return mask
      at++
    }
  }
  const inner = (): FieldMask | true => {
    if (text[at] === '/') {
      at++
      const name = /^[\w*]+/.exec(text.slice(at))?.[0]
      if (name === undefined) throw bad()
      at += name.length
      return new Map([[name, inner()]])
    }
    if (text[at] !== '(') return true
    at++
    const mask = list()
    if (text[at] !== ')') throw bad()
    at++
    return mask
  }
  const mask = list()
  if (at !== text.length) throw bad()
  return mask
}

export function applyFields(value: unknown, mask: FieldMask | true): unknown {
  if (mask === true || mask.has('*') || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((each: unknown) => applyFields(each, mask))
  const kept = Object.entries(value).flatMap(([name, each]) => {
    const inner = mask.get(name)
    return inner === undefined ? [] : [[name, applyFields(each, inner)]]
  })
  return Object.fromEntries(kept)
}

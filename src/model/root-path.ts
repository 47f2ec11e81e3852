import { SyncError } from '../errors.ts'
import type { Root, RootedPath } from './site.ts'

const TOKEN = /^\{root(?:\[([^\]]*)\])?\}/

/**
 * Resolves a file's path against a site's root. Only the leading `{root}` or `{root[NAME]}` is a template; braces further on are
 * part of the name.
 *
 * @throws SyncError `BAD_ROOT` when the root token does not fit the root, `BAD_PATH` when the path is not below a root.
 */
export function resolvePath(template: string, root: Root, siteName: string): RootedPath {
  const token = TOKEN.exec(template)
  if (!token) throw new SyncError('BAD_PATH', `path ${quote(template)} does not start with {root} or {root[NAME]}`)
  return { root: rootFor(token[1], root, template, siteName), path: below(template, template.slice(token[0].length)) }
}

/** Below the root: already as it is to be, as nearly all paths are. */
const PLAIN = /^\/[^/\0.][^/\0]*(?:\/[^/\0.][^/\0]*)*$/

/** The whole path, for people. */
export function displayPath({ root, path }: RootedPath): string {
  return `${root.replace(/(?<!\/)\/+$/, '')}/${path}`
}

function rootFor(name: string | undefined, root: Root, template: string, siteName: string): string {
  if (typeof root === 'string') {
    if (name === undefined) return root
    throw new SyncError(
      'BAD_ROOT',
      `path ${quote(template)} names root ${quote(name)}, but site ${quote(siteName)} has a single root ${quote(root)}`,
    )
  }
  if (name === undefined)
    throw new SyncError('BAD_ROOT', `path ${quote(template)} names no root, but site ${quote(siteName)} has several: ${namesOf(root)}`)
  const found = root.get(name)
  if (found === undefined)
    throw new SyncError(
      'BAD_ROOT',
      `path ${quote(template)} names root ${quote(name)}, which site ${quote(siteName)} does not have (it has ${namesOf(root)})`,
    )
  return found
}

function namesOf(root: ReadonlyMap<string, string>): string {
  return [...root.keys()].map(quote).join(', ') || 'none'
}

function below(template: string, rest: string): string {
  if (PLAIN.test(rest)) return rest.slice(1)
  if (!rest.startsWith('/')) throw new SyncError('BAD_PATH', `path ${quote(template)} needs a "/" after its root`)
  if (rest.includes('\0')) throw new SyncError('BAD_PATH', `path ${quote(template)} holds a NUL character`)
  const parts: string[] = []
  for (const part of rest.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) throw new SyncError('BAD_PATH', `path ${quote(template)} leaves its root`)
  }
  if (parts.length === 0 || /\/\.{0,2}$/.test(rest)) throw new SyncError('BAD_PATH', `path ${quote(template)} names no file`)
  return parts.join('/')
}

function quote(text: string): string {
  return JSON.stringify(text)
}

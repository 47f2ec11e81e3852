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

/** The whole path, for people. */
export function displayPath({ root, path }: RootedPath): string {
  return `${root.replace(/\/+$/, '')}/${path}`
}

function rootFor(name: string | undefined, root: Root, template: string, siteName: string): string {
  if (typeof root === 'string') {
    if (name === undefined) return root
    throw new SyncError(
      'BAD_ROOT',
      `path ${quote(template)} names root ${quote(name)}, but site ${quote(siteName)} has a single root ${quote(root)}`,
    )
  }
  const known = [...root.keys()].map(quote).join(', ') || 'none'
  if (name === undefined)
    throw new SyncError('BAD_ROOT', `path ${quote(template)} names no root, but site ${quote(siteName)} has several: ${known}`)
  const found = root.get(name)
  if (found === undefined)
    throw new SyncError(
      'BAD_ROOT',
      `path ${quote(template)} names root ${quote(name)}, which site ${quote(siteName)} does not have (it has ${known})`,
    )
  return found
}

function below(template: string, rest: string): string {
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

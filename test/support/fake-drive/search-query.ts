import { invalid } from './api-error.ts'

/** What a search expression may ask of an item. */
interface Searchable {
  readonly name: string
  readonly mimeType: string
  readonly parents: readonly string[]
  readonly trashed: boolean
  readonly sharedWithMe: boolean
  readonly modifiedTime: string
  readonly appProperties: Readonly<Record<string, string>>
}

export interface SearchQuery {
  matches(item: Searchable): boolean
  /** Ids that stand before `in parents`. */
  readonly parents: readonly string[]
}

type Test = (item: Searchable) => boolean

const TOKEN = /\s*(?:'((?:[^'\\]|\\.)*)'|(<=|>=|!=|=|<|>|\(|\)|\{|\})|([A-Za-z]+))/y

/** Reads Drive's search language. `and` and `or` bind alike, from left to right, as they do there. */
export function parseQuery(q: string): SearchQuery {
  const tokens = tokenise(q)
  const parents: string[] = []
  let at = 0
  const peek = (): Token | undefined => tokens[at]
  const take = (text?: string): Token => {
    const token = tokens[at++]
    if (token === undefined || (text !== undefined && (token.quoted || token.text !== text))) throw invalid(`Invalid Value: ${q}`)
    return token
  }
  const isWord = (text: string): boolean => peek()?.quoted === false && peek()?.text === text

  const expression = (): Test => {
    let left = term()
    while (isWord('and') || isWord('or')) {
      const both = take().text === 'and'
      const [a, b] = [left, term()]
      left = both ? (item) => a(item) && b(item) : (item) => a(item) || b(item)
    }
    return left
  }
  const term = (): Test => {
    if (isWord('not')) {
      take()
      const inner = term()
      return (item) => !inner(item)
    }
    if (isWord('(')) {
      take()
      const inner = expression()
      take(')')
      return inner
    }
    const first = take()
    if (first.quoted) {
      take('in')
      take('parents')
      parents.push(first.text)
      return (item) => item.parents.includes(first.text)
    }
    return field(first.text)
  }
  const field = (name: string): Test => {
    if (name === 'appProperties') return property()
    if (name === 'sharedWithMe' && !isWord('=') && !isWord('!=')) return (item) => item.sharedWithMe
    const operator = take().text
    const value = take()
    if (name === 'trashed' || name === 'sharedWithMe') {
      if (value.quoted || !/^(true|false)$/.test(value.text)) throw invalid(`Invalid Value: ${q}`)
      const wanted = (value.text === 'true') === (operator === '=')
      return (item) => item[name] === wanted
    }
    if (!value.quoted) throw invalid(`Invalid Value: ${q}`)
    return comparison(name, operator, value.text, q)
  }
  const property = (): Test => {
    take('has')
    take('{')
    take('key')
    take('=')
    const key = take().text
    take('and')
    take('value')
    take('=')
    const value = take().text
    take('}')
    return (item) => item.appProperties[key] === value
  }
  if (tokens.length === 0) return { parents, matches: () => true }
  const matches = expression()
  if (at !== tokens.length) throw invalid(`Invalid Value: ${q}`)
  return { parents, matches }
}

function comparison(name: string, operator: string, value: string, q: string): Test {
  const lower = value.toLowerCase()
  if (name === 'name' && operator === '=') return (item) => item.name.toLowerCase() === lower
  if (name === 'name' && operator === '!=') return (item) => item.name.toLowerCase() !== lower
  if (name === 'name' && operator === 'contains')
    return (item) =>
      item.name
        .toLowerCase()
        .split(/\s+/)
        .some((word) => word.startsWith(lower))
  if (name === 'mimeType' && operator === '=') return (item) => item.mimeType === value
  if (name === 'mimeType' && operator === '!=') return (item) => item.mimeType !== value
  if (name === 'mimeType' && operator === 'contains') return (item) => item.mimeType.startsWith(value)
  if (name === 'modifiedTime' && operator === '>') return (item) => Date.parse(item.modifiedTime) > Date.parse(value)
  if (name === 'modifiedTime' && operator === '<') return (item) => Date.parse(item.modifiedTime) < Date.parse(value)
  throw invalid(`Invalid Value: ${q}`)
}

interface Token {
  readonly text: string
  readonly quoted: boolean
}

function tokenise(q: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < q.length) {
    if (q.slice(TOKEN.lastIndex).trim() === '') break
    const match = TOKEN.exec(q)
    if (match === null) throw invalid(`Invalid Value: ${q}`)
    const [, string, symbol, word] = match
    if (string === undefined) tokens.push({ text: symbol ?? word ?? '', quoted: false })
    else tokens.push({ text: unescaped(string, q), quoted: true })
  }
  return tokens
}

function unescaped(string: string, q: string): string {
  return string.replaceAll(/\\(.)/g, (_, character: string) => {
    if (character !== "'" && character !== '\\') throw invalid(`Invalid Value: ${q}`)
    return character
  })
}

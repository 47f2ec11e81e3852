import { MongoClient } from 'mongodb'

import { messageOf } from '../errors.ts'
import { redact } from '../logging/redact.ts'

/** One `name=value` of an address, as it stands there. */
export interface AddressOption {
  readonly name: string
  readonly value: string
  readonly text: string
}

/** Options whose values are nobody's business. */
export const isSecretOption = (name: string): boolean => /pass|token|properties|secret/i.test(name)

/** Options in which an @ is nothing odd; anywhere else it is the end of a password that nobody encoded. */
const MAY_HOLD_AT = /^(?:auth|tls|proxy)/i
/** What may be shown of an address: hosts with their ports. */
const HOSTS = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:,(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?)*$/i

/** Before the options, and the options. */
export function splitAddress(uri: string): readonly [address: string, query: string] {
  const at = uri.indexOf('?')
  return at < 0 ? [uri, ''] : [uri.slice(0, at), uri.slice(at + 1)]
}

export function optionsOf(query: string): readonly AddressOption[] {
  const texts = query.split('&').filter((text) => text !== '')
  return texts.map((text) => {
    const [, name = text, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
    return { name: decoded(name), value: decoded(value), text }
  })
}

/**
 * Is there a user's name or password with characters of an address in it? The driver takes `mongodb://user:a@b/c@host` for the host `b`,
 * looks for it, and tells everybody.
 */
export function hasUnescapedUser(uri: string): boolean {
  const rest = uri.replace(/^[^:]*:\/\//, '')
  const [authority = ''] = /^[^/?#]*/.exec(rest) ?? []
  const [path, query] = splitAddress(rest.slice(authority.length))
  const [userinfo = '', ...more] = authority.split('@')
  if (more.length > 1 || path.includes('@')) return true
  if (optionsOf(query).some(({ name, text }) => text.includes('@') && !MAY_HOLD_AT.test(name))) return true
  return more.length === 1 && (userinfo.split(':').length > 2 || /[[\]]/.test(userinfo) || !isEncoded(userinfo))
}

/** Why the driver does not take it, in brackets where it can be shown; undefined when it does. It connects to nothing. */
export function refusalOf(uri: string): string | undefined {
  try {
    void new MongoClient(uri)
    return undefined
  } catch (error) {
    const said = messageOf(error)
    return isFree(said, uri) ? ` (${redact(said)})` : ''
  }
}

/** For people: the hosts, where they are certain to be hosts, and nothing of users and options. */
export function hideAddress(text: string): string {
  const [, scheme = '', rest = ''] = /^([a-z+]*:\/*)?(.*)$/is.exec(text) ?? []
  const at = rest.lastIndexOf('@')
  const [hosts = ''] = rest.slice(at + 1).split(/[/?#]/)
  const shown = HOSTS.test(hosts) ? hosts : '[redacted]'
  return at < 0 ? scheme + (rest === '' ? '' : shown) : `${scheme}[redacted]@${shown}`
}

/** Every text in an address that must not be seen. */
export function secretsOf(uri: string): readonly string[] {
  const password = /^[^:]+:\/\/[^:/@]*:(.*)@/s.exec(splitAddress(uri)[0])?.[1] ?? /^[^:]+:\/\/[^:/@]*:(.*)@/s.exec(uri)?.[1]
  const options = optionsOf(splitAddress(uri)[1]).filter(({ name }) => isSecretOption(name))
  const secrets = [...(password === undefined ? [] : [password]), ...options.map(({ value }) => value)]
  return secrets.flatMap((secret) => [secret, decoded(secret)])
}

/** Does a text hold nothing of what an address is secret about? */
function isFree(text: string, uri: string): boolean {
  const [address, query] = splitAddress(uri)
  const [, userinfo = '', hosts = ''] = /^[^:]+:\/\/(?:(.*)@)?([^/]*)/s.exec(address) ?? []
  const options = optionsOf(query).filter(({ name }) => isSecretOption(name))
  const pieces = [...userinfo.split(/[:@/]/), ...hosts.split(/[:,]/), ...options.map(({ value }) => value)]
  return pieces.every((piece) => piece === '' || (!text.includes(piece) && !text.includes(decoded(piece))))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

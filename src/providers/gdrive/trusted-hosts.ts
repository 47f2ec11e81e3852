import { isIPv4 } from 'node:net'

/** Where tokens are asked for according to older keys. */
const FORMER_TOKEN_HOST = 'accounts.google.com'

/** May a token go to this address? To the endpoint itself, and to Google's own hosts when nobody can listen. */
export function isTrusted(address: string, endpoint: string): boolean {
  const url = URL.parse(address)
  if (url === null || url.username !== '' || url.password !== '') return false
  return (
    url.origin === new URL(endpoint).origin || (url.protocol === 'https:' && url.port === '' && url.hostname.endsWith('.googleapis.com'))
  )
}

/** May a signed request for a token go there? */
export function isTrustedForTokens(address: string, endpoint: string): boolean {
  return isTrusted(address, endpoint) || URL.parse(address)?.origin === `https://${FORMER_TOKEN_HOST}`
}

/** Can others read what goes there? */
export function isReadable(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint)
  return protocol === 'http:' && !isLoopback(hostname)
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
}

/** For messages: all else of an address may be secret. */
export function hostOf(address: string): string {
  return URL.parse(address)?.host ?? 'no host'
}

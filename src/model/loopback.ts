import { isIP, isIPv4 } from 'node:net'

/** Is it an address, or a name, by which only this machine reaches itself? */
export function isLoopback(host: string): boolean {
  const address = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:(?=\d+\.)/, '')
  if (isIPv4(address)) return address.startsWith('127.')
  return isIP(address) === 6 ? address === '::1' : address === 'localhost'
}

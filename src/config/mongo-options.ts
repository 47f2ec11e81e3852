import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'

import type { Problems } from './problems.ts'
import { hideAddress, isSecretOption, optionsOf, refusalOf, splitAddress, type AddressOption } from './mongo-address.ts'

/** What an address may decide: where the server is, who asks, and how it is reached. In lower case, as the driver compares them. */
const TAKEN = new Set(
  [
    ['authMechanism', 'authMechanismProperties', 'authSource', 'replicaSet', 'directConnection', 'loadBalanced'],
    ['tls', 'ssl', 'tlsInsecure', 'tlsAllowInvalidCertificates', 'tlsAllowInvalidHostnames'],
    ['tlsCAFile', 'tlsCRLFile', 'tlsCertificateKeyFile', 'tlsCertificateKeyFilePassword'],
    ['proxyHost', 'proxyPort', 'proxyUsername', 'proxyPassword', 'compressors', 'zlibCompressionLevel'],
    ['srvMaxHosts', 'srvServiceName', 'srvAllowedHostsSuffix', 'family', 'autoSelectFamily', 'autoSelectFamilyAttemptTimeout'],
    ['localThresholdMS', 'maxIdleTimeMS', 'maxConnecting', 'serverMonitoringMode'],
  ]
    .flat()
    .map((name) => name.toLowerCase()),
)

/** Set by the service itself; these say the same, so there is nothing to tell. `appName` changes nothing. */
const AGREED: Readonly<Record<string, RegExp>> = {
  appname: /./,
  w: /^majority$/,
  readconcernlevel: /^majority$/,
  readpreference: /^primary$/,
  retrywrites: /^true$/,
  retryreads: /^true$/,
  journal: /^true$/,
}

/** What the service does instead, where somebody may wonder. */
const INSTEAD: Readonly<Record<string, string>> = {
  readconcernlevel: 'change streams and scans need "majority"',
  readpreference: 'what is pending is read from the primary',
  w: 'results are written with "majority"',
  retrywrites: 'writes are always retried',
  retryreads: 'reads are always retried',
}

/** Names that other drivers have for it. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ssl_cert_reqs: 'tlsAllowInvalidCertificates=true stands for CERT_NONE',
  ssl_match_hostname: 'tlsAllowInvalidHostnames=true stands for false',
  ssl_ca_certs: 'write tlsCAFile',
  ssl_crlfile: 'write tlsCRLFile',
  ssl_certfile: 'write tlsCertificateKeyFile, a file that holds certificate and key',
  ssl_keyfile: 'write tlsCertificateKeyFile, a file that holds certificate and key',
  ssl_pem_passphrase: 'write tlsCertificateKeyFilePassword',
}

/** Packages of the driver that are not part of Site Sync. */
const PACKAGES: readonly (readonly [option: string, value: RegExp, name: string])[] = [
  ['compressors', /snappy/i, 'snappy'],
  ['compressors', /zstd/i, '@mongodb-js/zstd'],
  ['proxyhost', /./, 'socks'],
  ['authmechanism', /^GSSAPI$/i, 'kerberos'],
  ['authmechanism', /^MONGODB-AWS$/i, '@aws-sdk/credential-providers'],
]
const driver = createRequire(createRequire(import.meta.url).resolve('mongodb'))

/** Known to the driver, which warns of them whenever it reads them. */
const OUTDATED: ReadonlySet<string> = new Set(['j', 'fsync'])

/**
 * The address with the options that it may decide. What the driver refuses is a mistake that names the option; what the service has to
 * decide itself is left out, with a warning.
 */
export function checkOptions(uri: string, key: string, problems: Problems): string {
  const [address, query] = splitAddress(uri)
  const refused = refusalOf(address)
  if (refused !== undefined) {
    problems.add(key, hideAddress(uri), `an address that the MongoDB driver takes, such as mongodb://USER:PASSWORD@HOST:27017/${refused}`)
    return uri
  }
  let accepted = address
  let isAsWritten = true
  for (const group of groups(optionsOf(query))) {
    const [{ name, value }] = group as readonly [AddressOption]
    const known = name.toLowerCase()
    const next = joined(accepted, group)
    const fault = OUTDATED.has(known) ? undefined : faultOf(next, group)
    if (fault !== undefined) problems.add(`${key} option ${name}`, isSecretOption(name) ? '[redacted]' : value, fault)
    else if (TAKEN.has(known)) accepted = next
    else {
      isAsWritten = false
      if (AGREED[known]?.test(value) === true) continue
      problems.warn(`${key}: the option ${name} is not used: ${INSTEAD[known] ?? 'the service sets it itself'}; remove it from the address`)
    }
  }
  return isAsWritten ? uri : accepted
}

const isProxy = ({ name }: AddressOption): boolean => /^proxy/i.test(name)

/** Options one by one, but for those of a proxy, which mean nothing alone. Options that other ones need come before them. */
function groups(options: readonly AddressOption[]): readonly (readonly AddressOption[])[] {
  const proxy = options.filter(isProxy)
  return [...(proxy.length > 0 ? [proxy] : []), ...options.filter((option) => !isProxy(option)).map((option) => [option])]
}

function joined(address: string, options: readonly AddressOption[]): string {
  const path = /^[^:]+:\/\/[^/]*\//.test(address) ? address : `${address}/`
  return `${path}${path.includes('?') ? '&' : '?'}${options.map(({ text }) => text).join('&')}`
}

function faultOf(address: string, group: readonly AddressOption[]): string | undefined {
  const fault = refusalOf(address)
  if (fault !== undefined) {
    const other = group.map(({ name }) => ELSEWHERE[name.toLowerCase()]).find((text) => text !== undefined)
    return other === undefined
      ? `the MongoDB driver refuses it${fault}; change or remove it`
      : `not an option of this driver: ${other}, or remove it`
  }
  for (const { name, value } of group) {
    if (/^tls.*file$/i.test(name) && !isReadable(value)) return 'a file that can be read'
    for (const [option, which, needed] of PACKAGES)
      if (option === name.toLowerCase() && which.test(value) && !isInstalled(needed))
        return `it needs the package ${needed}, which is not installed`
  }
  return undefined
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function isInstalled(name: string): boolean {
  try {
    driver.resolve(name)
    return true
  } catch {
    return false
  }
}

import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { folderOf, load, mistakesOf } from './support.ts'

const KEY = 'environment AVALON_MONGO'
const withUri = async (uri: string) => load({}, { env: { AVALON_MONGO: uri } })
const wrong = async (uri: string) => mistakesOf(withUri(uri))

describe('options that the driver refuses', () => {
  test.each([
    ['ssl_cert_reqs=CERT_NONE', 'ssl_cert_reqs', /not an option of this driver: tlsAllowInvalidCertificates=true/],
    ['ssl_ca_certs=/x', 'ssl_ca_certs', /tlsCAFile/],
    ['uuidRepresentation=standard', 'uuidRepresentation', /refuses it.*change or remove it/],
    ['tls=maybe', 'tls', /must be either/],
    ['directConnection=yes', 'directConnection', /must be either/],
    ['localThresholdMS=-1', 'localThresholdMS', /positive/],
    ['connectTimeoutMS=soon', 'connectTimeoutMS', /refuses it/],
    ['authMechanism=NONSENSE', 'authMechanism', /refuses it/],
    ['replicaSet=a&replicaSet=b', 'replicaSet', /refuses it/],
    ['replicaSet=', 'replicaSet', /refuses it/],
    ['tlsInsecure=true&tlsAllowInvalidHostnames=true', 'tlsAllowInvalidHostnames', /cannot be used with/],
    ['srvMaxHosts=2', 'srvMaxHosts', /non-srv/],
    ['proxyPort=1080', 'proxyPort', /proxyHost/],
    ['proxyHost=p', 'proxyHost', /needs the package socks/],
    ['compressors=zstd', 'compressors', /needs the package @mongodb-js\/zstd/],
    ['authMechanism=GSSAPI', 'authMechanism', /needs the package kerberos/],
    ['tlsCAFile=/nowhere/ca.pem', 'tlsCAFile', /a file that can be read/],
  ])('%s: a mistake that names the variable and the option', async (query, option, expected) => {
    const { problems, message } = await wrong(`mongodb://user:hunter2secret@db.example:27017/?${query}`)
    expect(problems.map(({ key }) => key)).toEqual([`${KEY} option ${option}`])
    expect(problems[0]?.expected).toMatch(expected)
    expect(message).not.toMatch(/hunter2secret|db\.example/)
  })

  test('all of them at once, in the file too', async () => {
    const { problems } = await mistakesOf(load({ mongo: { uri: 'mongodb://h/?ssl_cert_reqs=x&w=1&tz_aware=true' } }))
    expect(problems.map(({ key }) => key)).toEqual(['mongo.uri option ssl_cert_reqs', 'mongo.uri option tz_aware'])
  })

  test('no secret of an option is shown', async () => {
    const { message } = await wrong('mongodb://h/?proxyPassword=hunter2secret&authMechanismProperties=hunter3secret')
    expect(message).toContain('proxyPassword')
    expect(message).not.toMatch(/hunter[23]secret/)
  })
})

describe('options that the service decides itself', () => {
  test.each([
    ['readConcernLevel=local', 'readConcernLevel', /need "majority"/],
    ['readPreference=secondaryPreferred', 'readPreference', /from the primary/],
    ['w=1', 'w', /"majority"/],
    ['journal=false', 'journal', /sets it itself/],
    ['j=true', 'j', /sets it itself/],
    ['wtimeoutMS=5', 'wtimeoutMS', /sets it itself/],
    ['timeoutMS=100', 'timeoutMS', /sets it itself/],
    ['minPoolSize=50', 'minPoolSize', /sets it itself/],
    ['promoteValues=false', 'promoteValues', /sets it itself/],
    ['raw=true', 'raw', /sets it itself/],
    ['retryWrites=false', 'retryWrites', /always retried/],
  ])('%s: a warning that names the variable and the option, and it is left out', async (query, option, why) => {
    const { settings, warnings } = await withUri(`mongodb://h/?${query}&replicaSet=rs0`)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(new RegExp(`^${KEY}: the option ${option} is not used: `))
    expect(warnings[0]).toMatch(why)
    expect(settings.mongo.uri).toBe('mongodb://h/?replicaSet=rs0')
  })

  test('what says the same as the service is no news', async () => {
    const { settings, warnings } = await withUri('mongodb+srv://u:p@c.example/?retryWrites=true&w=majority&appName=Cluster0')
    expect([settings.mongo.uri, warnings]).toEqual(['mongodb+srv://u:p@c.example/', []])
  })
})

describe('addresses that are good are left to the letter', () => {
  test.each([
    'mongodb://one:27017,two:27018,three/?replicaSet=rs0',
    'mongodb://h?tls=true&tlsAllowInvalidCertificates=true',
    'mongodb://[::1]:27017/admin',
    'mongodb://me%40studio.example:p%40ss%2Fw%3Ard@h/?authSource=admin',
    'mongodb://h/?authMechanism=MONGODB-X509&tls=true',
    'mongodb+srv://cluster.example/?srvMaxHosts=2',
    'mongodb://h/?compressors=zlib',
  ])('%s', async (uri) => {
    const { settings, warnings } = await withUri(uri)
    expect([settings.mongo.uri, warnings]).toEqual([uri, []])
  })

  test('a file of certificates that is there', async () => {
    const file = join(await folderOf({ 'ca.pem': 'x' }), 'ca.pem')
    expect((await withUri(`mongodb://h/?tlsCAFile=${encodeURIComponent(file)}`)).warnings).toEqual([])
  })
})

describe('a password that is not percent-encoded', () => {
  test.each([
    'mongodb://user:Hunter@Two/Three@db.example/',
    'mongodb://user:Hunter/Two@Three@db.example:27017/avalon',
    'mongodb://user:Hunter@Two@db.example',
    'mongodb://user:Hunter/Two@db.example',
    'mongodb://user:Hunter:Two@db.example',
    'mongodb://user:Hunter?Two@db.example',
    'mongodb://user:Hunter@Two?w=Three@db.example/?tls=true',
    'mongodb://user:Hunter#Two@db.example',
    'mongodb://user:Hunter%Two@db.example',
    'mongodb://user:Hunter[Two]@db.example',
    'mongodb://user@Hunter.example:Two@db.example',
    'mongodb+srv://user:Hunter@Two/Three@db.example/?retryWrites=true',
  ])('%s: a mistake that says so, and shows nothing of it', async (uri) => {
    const { problems, message } = await wrong(uri)
    expect(problems.map(({ key }) => key)).toEqual([KEY])
    expect(problems[0]?.expected).toMatch(/percent-encoded: @ as %40/)
    expect(message).not.toMatch(/Hunter|Two|Three/)
  })
})

test.each([
  ['the host was forgotten', 'mongodb://user:Hunter-Two'],
  ['and there is an @', 'mongodb://user@studio.example:Hunter-Two'],
  ['a slip in the scheme', 'mongdb:/user:Hunter-Two'],
  ['no scheme', 'user:Hunter-Two'],
  ['a port for srv', 'mongodb+srv://user:Hunter-Two@db.example:27017'],
])('%s: a mistake that shows nothing of the password', async (_what, uri) => {
  const { problems, message } = await wrong(uri)
  expect(problems.map(({ key }) => key)).toEqual([KEY])
  expect(message).not.toContain('Hunter')
})

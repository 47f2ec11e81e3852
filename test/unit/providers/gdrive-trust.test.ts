import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { openGDrive } from '../../../src/providers/gdrive.ts'
import { isLoopback, isReadable, isTrusted, isTrustedForTokens } from '../../../src/providers/gdrive/trusted-hosts.ts'
import { UploadSessions } from '../../../src/providers/gdrive/upload-session.ts'
import { accountKeyPair, writeCredentials } from '../../support/fake-drive/credentials.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const MIB = 1024 * 1024
const sizes = { firstChunk: MIB, largestChunk: MIB, maxMultipartBytes: MIB }
const ENDPOINT = 'https://www.googleapis.com'

let rig: Rig
let elsewhere: Server
let elsewhereUrl: string
let heard: string[]
beforeEach(async () => {
  rig = await openRig({ provider: { sizes } })
  heard = []
  elsewhere = createServer((request, response) => {
    heard.push(`${request.method} ${request.headers.authorization}`)
    request.resume()
    response.end('{}')
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
})
afterEach(async () => {
  await rig.close()
  elsewhere.closeAllConnections()
  await new Promise((resolve) => elsewhere.close(resolve))
})

describe('an upload that Google Drive sends elsewhere', () => {
  test.each(['upload_id=SECRET', ''])('gets neither token nor bytes; the fault names the host, and nothing else', async (query) => {
    const headers = { Location: `${elsewhereUrl}/upload?${query}` }
    rig.drive.fault({ on: 'upload.start', times: 9, effect: { kind: 'answer', status: 200, headers } })
    const fault = await rig.write('a', patternSource(2 * MIB)).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'UNREACHABLE', kind: 'site', isCertain: true })
    expect((fault as Error).message).toContain(new URL(elsewhereUrl).host)
    expect((fault as Error).message).not.toContain('upload?')
    expect(heard).toEqual([])
  })

  test('before the endpoint was another one starts anew', async () => {
    const source = patternSource(2 * MIB)
    await rig.write('a', 'x')
    const id = rig.drive.file('My Drive/w/a')?.id ?? ''
    const state = { remoteId: id, exists: true, parentId: rig.w, uri: `${elsewhereUrl}/upload` }
    const session = new UploadSessions(accountKeyPair().privateKey).seal(state, source)
    await rig.persist('a', source, { session })
    expect(heard).toEqual([])
    expect(rig.drive.file('My Drive/w/a')).toMatchObject({ id, size: 2 * MIB })
  })
})

test.each([
  ['https://www.googleapis.com/upload/drive/v3/files?upload_id=x', true],
  ['https://storage.googleapis.com/x', true],
  ['http://www.googleapis.com/x', false],
  ['https://www.googleapis.com:8443/x', false],
  ['https://www.googleapis.com@evil.example/x', false],
  ['https://me:x@www.googleapis.com/x', false],
  ['https://googleapis.com.evil.example/x', false],
  ['https://evilgoogleapis.com/x', false],
  ['ftp://www.googleapis.com/x', false],
  ['/upload', false],
])('%s is trusted: %s', (address, expected) => {
  expect(isTrusted(address, ENDPOINT)).toBe(expected)
  expect(isTrustedForTokens(address, ENDPOINT)).toBe(expected)
})

test('an endpoint of one’s own is trusted for itself, with its scheme and port', () => {
  for (const address of ['http://drive.studio:8080/x', 'https://www.googleapis.com/x']) {
    expect(isTrusted(address, 'http://drive.studio:8080')).toBe(true)
  }
  for (const address of ['http://drive.studio/x', 'https://drive.studio:8080/x', 'http://other.studio:8080/x']) {
    expect(isTrusted(address, 'http://drive.studio:8080')).toBe(false)
  }
})

describe('the key file', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'key-'))
  })
  afterEach(async () => {
    await rm(directory, { recursive: true })
  })
  const warnings: string[] = []
  const context = { mayCreateRoot: false, warn: (message: string) => void warnings.push(message) }

  test('that has tokens asked for elsewhere is refused, with the host', async () => {
    const credentialsFile = await writeCredentials(directory, `${elsewhereUrl}/token?secret`)
    const fault = await openGDrive({ ...rig.site, credentialsFile }, context).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'CREDENTIALS', message: expect.stringContaining(new URL(elsewhereUrl).host) as string })
    expect((fault as Error).message).not.toContain('?secret')
    expect(heard).toEqual([])
  })

  test.each(['https://oauth2.googleapis.com/token', 'https://accounts.google.com/o/oauth2/token'])(
    'of Google’s, %s, is taken',
    async (uri) => {
      const credentialsFile = await writeCredentials(directory, uri)
      const provider = await openGDrive({ ...rig.site, credentialsFile }, context)
      expect(provider.site.credentialsFile).toBe(credentialsFile)
      await provider[Symbol.asyncDispose]()
    },
  )

  test('for an endpoint that others can listen to: a warning, without which nobody would notice', async () => {
    const credentialsFile = await writeCredentials(directory, 'https://oauth2.googleapis.com/token')
    const provider = await openGDrive({ ...rig.site, credentialsFile, apiEndpoint: 'http://drive.studio:8080' }, context)
    await provider[Symbol.asyncDispose]()
    expect(warnings).toEqual([expect.stringMatching(/^gdrive: api_endpoint is plain http: .*drive\.studio:8080/)])
    expect(rig.warnings).toEqual([])
  })
})

test.each([
  ['http://127.0.0.1:1', false],
  ['http://127.9.9.9', false],
  ['http://localhost:1', false],
  ['http://[::1]:1', false],
  ['https://drive.studio', false],
  ['http://drive.studio', true],
  ['http://127.evil.example', true],
  ['http://10.0.0.1', true],
])('%s can be read by others: %s', (endpoint, expected) => {
  expect(isReadable(endpoint)).toBe(expected)
})

test('names that begin as loopback addresses do are no such addresses', () => {
  expect(isLoopback('127.evil.example')).toBe(false)
})

test('the account’s own calls go on', async () => {
  await rig.write('a', patternSource(2 * MIB))
  expect(await rig.provider.stat(rig.at('a'), { signal: noSignal })).toMatchObject({ size: 2 * MIB })
})

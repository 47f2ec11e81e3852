import { createSign, generateKeyPairSync } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { ACCOUNT_EMAIL, accountKeyPair } from '../../support/fake-drive/credentials.ts'
import { startFakeDrive } from '../../support/fake-drive/fake-drive.ts'
import type { FakeDrive } from '../../support/fake-drive/fake-drive.ts'
import { applyFields, parseFields } from '../../support/fake-drive/field-mask.ts'
import { parseQuery } from '../../support/fake-drive/search-query.ts'

const KIB = 1024
let drive: FakeDrive
let token: string
beforeEach(async () => {
  drive = await startFakeDrive()
  token = String((await askForToken()).body['access_token'])
})
afterEach(async () => {
  await drive.close()
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: Record<string, unknown>
}

async function call(method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const url = path.startsWith('http') ? path : `${drive.endpoint}${path}`
  const init = { method, headers: { Authorization: `Bearer ${token}`, ...headers }, redirect: 'manual' as const }
  const answer = await fetch(url, body === undefined ? init : { ...init, body: typeof body === 'string' ? body : new Uint8Array(body) })
  const text = await answer.text()
  const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: answer.status, headers: answer.headers, text, body: json }
}

async function askForToken(
  claims: Record<string, unknown> = {},
  key = accountKeyPair().privateKey,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const now = Math.floor(Date.now() / 1000)
  const scope = 'https://www.googleapis.com/auth/drive'
  const payload = { iss: ACCOUNT_EMAIL, aud: `${drive.endpoint}/token`, scope, iat: now, exp: now + 3600, ...claims }
  const unsigned = [{ alg: 'RS256', typ: 'JWT' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const assertion = `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(key, 'base64url')}`
  const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
  const answer = await fetch(`${drive.endpoint}/token`, { method: 'POST', body: form })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

async function list(query: string): Promise<Answer> {
  return await call('GET', `/drive/v3/files?pageSize=2&${query}`)
}

async function start(): Promise<string> {
  const answer = await call('POST', '/upload/drive/v3/files?uploadType=resumable&fields=id,size,md5Checksum', '{"name":"a"}')
  return answer.headers.get('location') ?? ''
}

async function put(uri: string, range: string, body?: Buffer): Promise<Answer> {
  return await call('PUT', uri, body, { 'Content-Range': range })
}

describe('tokens', () => {
  test.each([
    ['another audience', { aud: 'https://oauth2.googleapis.com/token' }],
    ['another account', { iss: 'nobody@example.org' }],
    ['a statement of yesterday', { iat: 1, exp: 3600 }],
    ['a statement without an end', { exp: undefined }],
    ['another scope', { scope: 'https://www.googleapis.com/auth/drive.file' }],
  ])('%s gets none', async (_, claims) => {
    expect(await askForToken(claims)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('a statement signed by somebody else gets none', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const answer = await askForToken({}, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } })
  })

  test('without one every call is 401', async () => {
    drive.expireTokens()
    for (const path of ['/drive/v3/files', '/drive/v3/files/root', '/upload/drive/v3/files?uploadType=multipart', '/drive/v3/drives']) {
      const answer = await call(path.startsWith('/upload') ? 'POST' : 'GET', path)
      expect(answer).toMatchObject({ status: 401, body: { error: { errors: [{ reason: 'authError' }] } } })
    }
  })
})

describe('searching', () => {
  const item = {
    name: 'A b',
    mimeType: 't',
    parents: ['p'],
    trashed: false,
    sharedWithMe: false,
    modifiedTime: '2026-01-01T00:00:00Z',
    appProperties: { k: 'v' },
  }
  test.each([
    ["name = 'a B'", true],
    ["name = 'a'", false],
    ["name contains 'b'", true],
    ["not name = 'x' and trashed = false", true],
    ["'p' in parents and (mimeType = 't' or mimeType = 'u')", true],
    // From left to right: (true or true) and false.
    ["name = 'a b' or name = 'a b' and mimeType = 'u'", false],
    ["name = 'a b' or (name = 'a b' and mimeType = 'u')", true],
    ['sharedWithMe', false],
    ['sharedWithMe != true', true],
    ["appProperties has { key='k' and value='v' }", true],
    ["modifiedTime > '2025-01-01T00:00:00Z'", true],
    ['', true],
  ])('%s', (q, expected) => {
    expect(parseQuery(q).matches(item)).toBe(expected)
  })

  test.each([
    "name = 'it's'",
    "name = 'x",
    'name = x',
    "'p' in",
    "name = 'a' name = 'b'",
    "(name = 'a'",
    "name = 'a\\n'",
    "trashed = 'no'",
    "size > '1'",
  ])('%s is refused', (q) => {
    expect(() => parseQuery(q)).toThrow('Invalid Value')
  })

  test('quotes and backslashes are escaped by a backslash', () => {
    expect(parseQuery("name = 'it\\'s \\\\'").matches({ ...item, name: "it's \\" })).toBe(true)
  })

  test('an unknown folder is 404; a page is no more than was asked for, and its token comes only when asked for', async () => {
    for (let index = 0; index < 5; index++) drive.addFile(`f${index}`, 'x')
    expect((await list(`q=${encodeURIComponent("'nowhere' in parents")}`)).status).toBe(404)
    expect((await list('fields=files(id)')).body).not.toHaveProperty('nextPageToken')
    const first = await list('fields=nextPageToken,files/name')
    expect(first.body).toMatchObject({ nextPageToken: '2', files: [{ name: expect.any(String) as string }, {}] })
    expect(Object.keys((await list('')).body)).toEqual(['files', 'nextPageToken'].toSorted())
  })
})

test('fields are those asked for, at any depth', () => {
  const value = { a: 1, b: { c: 2, d: 3 }, e: [{ f: 4, g: 5 }], h: 6 }
  expect(applyFields(value, parseFields('a,b/c,e(f)'))).toEqual({ a: 1, b: { c: 2 }, e: [{ f: 4 }] })
  expect(applyFields(value, parseFields('*'))).toEqual(value)
  expect(() => parseFields('a(')).toThrow('Invalid field selection')
})

describe('files', () => {
  test('have four fields unless others are asked for', async () => {
    const id = drive.addFile('a', 'x')
    expect((await call('GET', `/drive/v3/files/${id}`)).body).toEqual({
      kind: 'drive#file',
      id,
      name: 'a',
      mimeType: 'application/octet-stream',
    })
    expect((await call('GET', `/drive/v3/files/${id}?fields=size,md5Checksum`)).body).toEqual({
      size: '1',
      md5Checksum: '9dd4e461268c8034f5c8564e155c67a6',
    })
  })

  test('names may be doubled, ids may not, nor may they be made up', async () => {
    const [id] = (await call('GET', '/drive/v3/files/generateIds?count=1')).body['ids'] as string[]
    const create = async (metadata: object): Promise<Answer> =>
      await call('POST', '/drive/v3/files', JSON.stringify({ name: 'a', ...metadata }))
    expect((await create({ id })).status).toBe(200)
    expect((await create({})).status).toBe(200)
    expect(await create({ id })).toMatchObject({ status: 409, body: { error: { errors: [{ reason: 'fileIdInUse' }] } } })
    expect((await create({ id: 'made-up' })).status).toBe(400)
    drive.delete(id ?? '')
    expect((await create({ id })).status).toBe(409)
  })

  test('of a shared drive are not there for a caller who does not know of them', async () => {
    const shared = drive.addSharedDrive('Show')
    const id = drive.addFile('a', 'x', { parent: shared })
    expect((await call('GET', `/drive/v3/files/${id}`)).status).toBe(404)
    expect((await call('GET', `/drive/v3/files/${id}?supportsAllDrives=true`)).status).toBe(200)
    expect((await call('GET', '/drive/v3/files?fields=files(id)')).body['files']).toEqual([])
    expect((await call('DELETE', `/drive/v3/files/${id}?supportsAllDrives=true`)).status).toBe(403)
    expect((await call('PATCH', `/drive/v3/files/${id}?supportsAllDrives=true`, '{"trashed":true}')).status).toBe(200)
  })

  test('put into a folder in the trash are in the trash', async () => {
    const folder = drive.addFolder('p')
    drive.trash(folder)
    const answer = await call('POST', '/drive/v3/files?fields=trashed,explicitlyTrashed', JSON.stringify({ name: 'a', parents: [folder] }))
    expect(answer).toMatchObject({ status: 200, body: { trashed: true, explicitlyTrashed: false } })
  })
})

describe('a resumable upload', () => {
  test('has no range until something is stored, then the last byte', async () => {
    const uri = await start()
    expect((await put(uri, 'bytes */600000')).headers.has('range')).toBe(false)
    expect(await put(uri, `bytes 0-${256 * KIB - 1}/600000`, Buffer.alloc(256 * KIB))).toMatchObject({ status: 308 })
    expect((await put(uri, 'bytes */600000')).headers.get('range')).toBe('bytes=0-262143')
  })

  test('past what is stored is a 503 in plain text', async () => {
    const answer = await put(await start(), 'bytes 262144-599999/600000', Buffer.alloc(600_000 - 262_144))
    expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('exceeds already uploaded size of 0 byte(s)') as string })
    expect(answer.headers.get('content-type')).toContain('text/plain')
  })

  test('bytes sent again are skipped', async () => {
    const [uri, bytes] = [await start(), Buffer.from(Array.from({ length: 600_000 }, (_, index) => index % 256))]
    await put(uri, 'bytes 0-524287/600000', bytes.subarray(0, 524_288))
    expect(await put(uri, 'bytes 262144-599999/600000', bytes.subarray(262_144))).toMatchObject({ status: 200, body: { size: '600000' } })
    expect(drive.files()[0]?.bytes?.equals(bytes)).toBe(true)
    expect(await put(uri, 'bytes */600000')).toMatchObject({ status: 200, body: { size: '600000' } })
  })

  test('a ragged chunk is floored, a small one refused', async () => {
    const uri = await start()
    expect((await put(uri, 'bytes 0-299999/600000', Buffer.alloc(300_000))).headers.get('range')).toBe('bytes=0-262143')
    expect((await put(uri, 'bytes 262144-262243/600000', Buffer.alloc(100))).status).toBe(400)
  })

  test('that nobody knows is 404 in HTML', async () => {
    const answer = await put(`${drive.endpoint}/upload/drive/v3/files?upload_id=none`, 'bytes */10')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=UTF-8'])
  })

  test('that was cancelled is gone', async () => {
    const uri = await start()
    expect((await call('DELETE', uri)).status).toBe(499)
    expect((await put(uri, 'bytes */10')).status).toBe(404)
  })
})

test('too many requests a second are refused', async () => {
  drive.settings.requestsPerSecond = 3
  const answers = await Promise.all(Array.from({ length: 10 }, async () => await call('GET', '/drive/v3/files')))
  expect(answers.some(({ status, text }) => status === 403 && text.includes('userRateLimitExceeded'))).toBe(true)
})

test('as a process: one line says where, faults and state over HTTP, SIGTERM ends it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fake-drive-'))
  const main = join(import.meta.dirname, '../../support/fake-drive/main.ts')
  const child = spawn(process.execPath, [main, '--dir', directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const { endpoint, credentials, email } = JSON.parse(line) as Record<string, string>
    expect(JSON.parse(await readFile(credentials ?? '', 'utf8'))).toMatchObject({ client_email: email, token_uri: `${endpoint}/token` })
    const control = async (what: string, body: object): Promise<unknown> =>
      await (await fetch(`${endpoint}/_fake/${what}`, { method: 'POST', body: JSON.stringify(body) })).json()
    const { result } = (await control('call', { method: 'addFolder', args: ['w'] })) as { result: string }
    await control('call', { method: 'addFile', args: ['a', 'x', { parent: result }] })
    await control('fault', { on: '*', effect: { kind: 'error', status: 500, reason: 'x' } })
    expect((await fetch(`${endpoint}/drive/v3/files`)).status).toBe(500)
    const state = (await (await fetch(`${endpoint}/_fake/state`)).json()) as { tree: string[]; journal: unknown[] }
    expect(state).toMatchObject({ tree: ['My Drive/w/', 'My Drive/w/a'], journal: [{ operation: 'files.list', status: 500 }] })
  } finally {
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    await rm(directory, { recursive: true })
  }
})

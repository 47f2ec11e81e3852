import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { openGDrive } from '../../../src/providers/gdrive.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig, RigOptions } from '../../support/fake-drive/rig.ts'

let rig: Rig
async function open(options?: RigOptions): Promise<Rig> {
  rig = await openRig(options)
  return rig
}
afterEach(async () => {
  await rig.close()
})

const signal = noSignal

describe('the key file', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'key-'))
    await open()
  })
  afterEach(async () => {
    await rm(directory, { recursive: true })
  })

  const key = {
    type: 'service_account',
    client_email: 'a@b',
    private_key: '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n',
  }
  test.each([
    ['is not there', undefined, 'it does not exist'],
    ['is no JSON', '{ "private_key": "SECRET', 'it is not valid JSON'],
    ['is no object', '[]', 'it is not a JSON object'],
    ['is of a person', JSON.stringify({ type: 'authorized_user' }), 'its type is "authorized_user", not "service_account"'],
    ['lacks the e-mail', JSON.stringify({ ...key, client_email: undefined }), 'client_email is missing'],
    ['lacks the key', JSON.stringify({ ...key, private_key: '' }), 'private_key is missing'],
    ['has a broken key', JSON.stringify(key), 'private_key is not a key in PEM format'],
    ['has a bad token_uri', JSON.stringify({ ...key, token_uri: 'nowhere' }), 'token_uri is not a URL'],
  ])('that %s is refused, with its name and what is wrong', async (_, text, why) => {
    const credentialsFile = join(directory, 'key.json')
    if (text !== undefined) await writeFile(credentialsFile, text)
    const opened = openGDrive({ ...rig.site, credentialsFile }, { mayCreateRoot: false, warn: () => {} })
    const error = await opened.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CREDENTIALS', kind: 'site', message: expect.stringContaining(credentialsFile) as string })
    expect((error as Error).message).toContain(why)
    expect((error as Error).message).not.toContain('SECRET')
  })

  test('that is not configured is refused', async () => {
    const { credentialsFile: _none, ...site } = rig.site
    await expect(openGDrive(site, { mayCreateRoot: false, warn: () => {} })).rejects.toMatchObject({ code: 'CREDENTIALS' })
  })
})

describe('tokens', () => {
  test('one is asked for, whoever needs it', async () => {
    await open()
    await Promise.all(Array.from({ length: 16 }, async (_, index) => await rig.write(`a.${index}`, 'x')))
    expect(rig.drive.tokensIssued).toBe(1)
  })

  test('8 parallel calls that meet an expired token ask for one', async () => {
    await open({ settings: { latencyMs: 20 } })
    await rig.write('a', 'x')
    rig.drive.expireTokens()
    await Promise.all(Array.from({ length: 8 }, async (_, index) => await rig.write(`a.${index}`, 'x')))
    expect(rig.drive.tokensIssued).toBe(2)
    expect(rig.drive.files()).toHaveLength(9)
  })

  test('a token refused twice in a row is a matter of credentials', async () => {
    await open()
    rig.drive.fault({ on: '*', times: 100, effect: { kind: 'error', status: 401, reason: 'authError', message: 'Invalid Credentials' } })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'CREDENTIALS', kind: 'site' })
    expect(rig.drive.journal.entries.filter(({ operation }) => operation !== 'token')).toHaveLength(2)
    expect(rig.drive.tokensIssued).toBe(2)
  })

  test('tokens that die long before their time cost no storm', async () => {
    await open({ settings: { tokenDiesAfterMs: 250, latencyMs: 5 } })
    const began = Date.now()
    let written = 0
    const worker = async (): Promise<void> => {
      while (Date.now() - began < 2000) await rig.persist(`a.${written++}`, 'x')
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    const lives = (Date.now() - began) / 250
    expect(rig.drive.files()).toHaveLength(written)
    expect(rig.drive.tokensIssued).toBeLessThanOrEqual(Math.ceil(lives) + 2)
    expect(rig.drive.tokensIssued).toBeGreaterThanOrEqual(Math.floor(lives / 2))
  })

  test('tokens of a short life are not asked for in turn', async () => {
    await open({ settings: { tokenLifetimeSeconds: 60 } })
    for (let index = 0; index < 10; index++) await rig.write(`a.${index}`, 'x')
    expect(rig.drive.tokensIssued).toBe(1)
  })

  test.each(['invalid_grant', 'unauthorized_client', 'invalid_client'])(
    '%s from the token endpoint is a matter of credentials',
    async (reason) => {
      await open()
      rig.drive.fault({ on: 'token', times: 10, effect: { kind: 'error', status: 400, reason, message: 'Account not found' } })
      const fault = await rig.provider.probe({ signal }).catch((error: unknown) => error)
      expect(fault).toMatchObject({ code: 'CREDENTIALS', message: expect.stringContaining(reason) as string })
      expect((fault as Error).message).toContain(rig.drive.email)
      expect(rig.drive.journal.count('token')).toBe(1)
    },
  )

  test.each([
    { kind: 'error', status: 503, reason: 'backend' } as const,
    { kind: 'answer', status: 502, body: '<html></html>' } as const,
    { kind: 'answer', status: 504 } as const,
    { kind: 'answer', status: 200, body: '<html></html>' } as const,
    { kind: 'answer', status: 200, body: '{}', type: 'application/json' } as const,
    { kind: 'drop', afterBytes: 0 } as const,
    { kind: 'truncate' } as const,
  ])('trouble of the token endpoint passes: $kind $status', async (effect) => {
    await open()
    rig.drive.fault({ on: 'token', effect })
    const { faults } = await rig.persist('a', 'x')
    expect(faults).toEqual(['INTERRUPTED'])
    expect(rig.drive.journal.count('token')).toBe(2)
  })

  test('subject and e-mail are what the token is asked for', async () => {
    await open({ key: { subject: 'artist@example.org' }, root: '/My Drive/none' })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({
      code: 'ROOT_MISSING',
      message: expect.stringContaining('artist@example.org') as string,
    })
  })

  test('a stop while a token is asked for', async () => {
    await open()
    rig.drive.fault({ on: 'token', effect: { kind: 'hang' } })
    const stop = new AbortController()
    const probed = rig.provider.probe({ signal: stop.signal }).catch((error: unknown) => error)
    await expect.poll(() => rig.drive.journal.count('token')).toBe(1)
    stop.abort()
    expect(await probed).toMatchObject({ code: 'ABORTED' })
    await rig.write('a', 'x')
  })
})

describe('the rate', () => {
  test.each([
    { status: 429, reason: 'rateLimitExceeded' },
    { status: 403, reason: 'userRateLimitExceeded' },
    { status: 403, reason: 'rateLimitExceeded' },
  ])('$status $reason keeps the whole account back for as long as Google says', async ({ status, reason }) => {
    await open()
    await rig.write('p/a', 'x')
    rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'error', status, reason, retryAfter: '1' } })
    await expect(rig.write('p/b', 'x')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      kind: 'site',
      retryAfterMs: expect.closeTo(1000, -2) as number,
    })
    const refused = rig.drive.journal.entries.at(-1)?.at ?? 0
    const before = rig.drive.journal.entries.length
    await Promise.all(Array.from({ length: 8 }, async (_, index) => await rig.write(`p/c.${index}`, 'x')))
    const next = rig.drive.journal.entries[before]
    expect((next?.at ?? 0) - refused).toBeGreaterThanOrEqual(990)
    expect(rig.drive.files()).toHaveLength(9)
  })

  test('five refusals in a row, each with a time to stay away: none is overrun, then all is written', async () => {
    await open()
    await rig.write('p/a', 'x')
    rig.drive.fault({
      on: 'upload.multipart',
      times: 5,
      effect: { kind: 'error', status: 403, reason: 'userRateLimitExceeded', retryAfter: '1' },
    })
    const { faults } = await rig.persist('p/b', 'x', { patient: ['RATE_LIMITED'], attempts: 10 })
    expect(faults).toEqual(Array.from({ length: 5 }, () => 'RATE_LIMITED'))
    const times = rig.drive.journal
      .of('upload.multipart')
      .slice(1)
      .map(({ at }) => at)
    for (const [index, at] of times.slice(1).entries()) expect(at - (times[index] as number)).toBeGreaterThanOrEqual(990)
    expect(rig.drive.files()).toHaveLength(2)
  }, 15_000)

  test('a time given as a date counts, too', async () => {
    await open()
    const retryAfter = new Date(Date.now() + 40_000).toUTCString()
    rig.drive.fault({ on: 'files.get', effect: { kind: 'error', status: 429, reason: 'rateLimitExceeded', retryAfter } })
    const fault = await rig.provider.probe({ signal }).catch((error: unknown) => error as { retryAfterMs?: number })
    expect(fault?.retryAfterMs).toBeGreaterThan(35_000)
  })

  test('a long time away is said at once, and not waited for', async () => {
    await open()
    rig.drive.fault({ on: 'files.get', effect: { kind: 'error', status: 429, reason: 'rateLimitExceeded', retryAfter: '3600' } })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    const sent = rig.drive.journal.entries.length
    await expect(rig.write('a', 'x')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.closeTo(3_600_000, -5) as number })
    expect(rig.drive.journal.entries).toHaveLength(sent)
  })

  test.each([
    [429, '86400'],
    [503, '86400'],
    [503, '9'.repeat(400)],
    [503, new Date(Date.now() + 1e10).toUTCString()],
  ])('%d for longer than an hour, %s, is an hour', async (status, retryAfter) => {
    await open()
    rig.drive.fault({ on: 'files.get', effect: { kind: 'error', status, reason: 'backend', retryAfter } })
    await expect(rig.provider.stat(rig.at('a'), { signal })).rejects.toMatchObject({ retryAfterMs: 3_600_000 })
  })

  test('who waits can be stopped, also at another site of the account', async () => {
    await open()
    const other = await rig.another({ shared: true })
    rig.drive.fault({ on: 'files.get', effect: { kind: 'error', status: 429, reason: 'rateLimitExceeded', retryAfter: '60' } })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    const sent = rig.drive.journal.entries.length
    const stop = new AbortController()
    const probed = other.probe({ signal: stop.signal }).catch((error: unknown) => error)
    stop.abort()
    expect(await probed).toMatchObject({ code: 'ABORTED' })
    expect(rig.drive.journal.entries).toHaveLength(sent)
  })

  test('the day: uploads refused again and again while the rest is served', async () => {
    let now = Date.now()
    const clock = {
      now: () => now,
      sleep: async (ms: number): Promise<void> => {
        now += ms
        return await Promise.resolve()
      },
    }
    await open({ provider: { clock } })
    await rig.write('p/a', 'x')
    const effect = { kind: 'error', status: 403, reason: 'userRateLimitExceeded', message: 'User rate limit exceeded.' } as const
    rig.drive.fault({ on: ['upload.multipart', 'upload.start'], times: 100, effect })
    const faults: unknown[] = []
    for (let index = 0; index < 4; index++) {
      faults.push(await rig.write(`p/b.${index}`, 'x').catch((error: unknown) => error))
      now += 100
      await Array.fromAsync(rig.provider.list(rig.at('p'), { signal }))
    }
    const day = { code: 'QUOTA', retryAfterMs: 1_800_000, message: expect.stringContaining('750 GB') as string }
    expect(faults).toMatchObject([{ code: 'RATE_LIMITED' }, { code: 'RATE_LIMITED' }, day, day])
    rig.drive.clearFaults()
    await rig.write('p/c', 'x')
  })
})

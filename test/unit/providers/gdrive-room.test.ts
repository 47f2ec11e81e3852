import { afterEach, describe, expect, test } from 'vitest'

import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig, RigOptions } from '../../support/fake-drive/rig.ts'

const MIB = 1024 * 1024
const signal = noSignal

let rig: Rig
let now = Date.parse('2026-01-01T00:00:00Z')
const clock = { now: () => now, sleep: async (): Promise<void> => await Promise.resolve() }

async function open(storageLimit: number, options: RigOptions = {}): Promise<Rig> {
  rig = await openRig({ provider: { clock }, ...options, settings: { storageLimit } })
  return rig
}
afterEach(async () => {
  await rig.close()
})

const asked = (): number => rig.drive.journal.count('about.get')
const sent = (): number => rig.drive.journal.count('upload.multipart', 'upload.start')

function full(...words: string[]): object {
  return { code: 'QUOTA', kind: 'site', isCertain: false, message: expect.stringMatching(words.join('.*')) as string }
}

describe("a file that does not fit into the account's drive", () => {
  test('is refused before a byte of it is sent, with how much is missing; a smaller one goes', async () => {
    await open(10 * MIB)
    rig.drive.addFile('used', Buffer.alloc(4 * MIB))
    await expect(rig.write('large', patternSource(7 * MIB))).rejects.toMatchObject(
      full('"large"', 'site-sync@', '1.0 MiB', '7.0 MiB', '6.0 MiB'),
    )
    expect(sent()).toBe(0)
    await rig.write('small', 'x')
  })

  test('goes as soon as there is room', async () => {
    await open(100)
    await expect(rig.write('a', Buffer.alloc(300))).rejects.toMatchObject(full('200 B'))
    rig.drive.settings.storageLimit = 1000
    await rig.write('a', Buffer.alloc(300))
  })

  test('is known from what was sent, without asking for every file', async () => {
    await open(1000)
    for (const path of ['a', 'b', 'c']) await rig.write(path, Buffer.alloc(300))
    await expect(rig.write('d', Buffer.alloc(300))).rejects.toMatchObject(full('200 B'))
    expect(sent()).toBe(3)
  })

  test('is known among many at once: as many go as fit', async () => {
    await open(1000)
    const writes = Array.from({ length: 10 }, async (_, index) => await rig.write(`a.${index}`, Buffer.alloc(300)))
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(sent()).toBe(3)
  })
})

describe('the room', () => {
  test('is asked for once a minute, however many files there are', async () => {
    await open(1e9)
    for (let index = 0; index < 20; index++) await rig.write(`a.${index}`, 'x')
    expect(asked()).toBe(1)
    now += 59_000
    await rig.write('b', 'x')
    expect(asked()).toBe(1)
    now += 2000
    await rig.write('c', 'x')
    expect(asked()).toBe(2)
  })

  test('of an upload that failed is there again', async () => {
    await open(1000)
    rig.drive.fault({ on: 'upload.multipart', times: 3, effect: { kind: 'error', status: 503, reason: 'backendError' } })
    const { faults } = await rig.persist('a', Buffer.alloc(900))
    expect(faults).toEqual(['INTERRUPTED', 'INTERRUPTED', 'INTERRUPTED'])
  })

  test('is not asked for on a shared drive', async () => {
    await open(0, { root: '/Show' })
    rig.drive.addSharedDrive('Show')
    await rig.write('a', patternSource(6 * MIB))
    expect(asked()).toBe(0)
  })

  test('that a new version takes is what it is larger by', async () => {
    await open(1000)
    await rig.write('a', Buffer.alloc(600))
    await rig.write('a', Buffer.alloc(900, 'y'))
    await rig.write('a', Buffer.alloc(100, 'z'))
    await expect(rig.write('a', Buffer.alloc(1100, 'x'))).rejects.toMatchObject(full('100 B'))
  })

  test('of somebody else is theirs', async () => {
    await open(10, { root: '/My Drive/studio' })
    rig.drive.addFile('a', 'old', { parent: rig.drive.addSharedFolder('studio') })
    await rig.write('a', Buffer.alloc(1000))
    expect(asked()).toBe(0)
    await expect(rig.write('b', Buffer.alloc(1000))).rejects.toMatchObject(full('990 B'))
  })

  test('is asked for before an empty file, too: an account without storage owns none', async () => {
    await open(0)
    await expect(rig.write('a', '')).rejects.toMatchObject({ code: 'QUOTA', isCertain: true })
    expect(sent()).toBe(0)
  })

  test('of an account without a limit is enough', async () => {
    await open(Infinity)
    await rig.write('a', patternSource(6 * MIB))
    expect(sent()).toBe(1)
  })
})

const refusal = (message: string) => ({ kind: 'error', status: 403, reason: 'storageQuotaExceeded', message }) as const

describe('a quota that Drive refuses by', () => {
  test('is a suspicion about the site, and the room is asked for again', async () => {
    await open(1e9)
    await rig.write('a', 'x')
    rig.drive.fault({
      on: ['upload.multipart', 'upload.start'],
      times: 2,
      effect: refusal("The user's Drive storage quota has been exceeded."),
    })
    await expect(rig.write('b', 'x')).rejects.toMatchObject(full('free some space'))
    await expect(rig.write('b', patternSource(6 * MIB))).rejects.toMatchObject(full('free some space'))
    expect(asked()).toBe(2)
    await rig.write('b', 'x')
    expect(asked()).toBe(3)
  })

  test('is certain for an account without storage', async () => {
    await open(1e9)
    rig.drive.fault({ on: 'upload.multipart', effect: refusal('Service Accounts do not have storage quota. Leverage shared drives.') })
    await expect(rig.write('b', 'x')).rejects.toMatchObject({ code: 'QUOTA', isCertain: true })
    rig.drive.settings.storageLimit = 0
    await expect(rig.write('c', 'x')).rejects.toMatchObject({ code: 'QUOTA', isCertain: true })
    expect(sent()).toBe(1)
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'QUOTA', isCertain: true })
  })

  test('is certain for the 750 GB of a day', async () => {
    await open(1e9)
    const error = {
      kind: 'error',
      status: 403,
      reason: 'userRateLimitExceeded',
      message: 'User rate limit exceeded.',
      retryAfter: '0',
    } as const
    rig.drive.fault({ on: 'upload.multipart', times: 100, effect: error })
    for (const path of ['a', 'b']) await rig.write(path, 'x').catch(() => {})
    now += 1000
    await Array.fromAsync(rig.provider.list(rig.at(''), { signal }))
    await expect(rig.write('c', 'x')).rejects.toMatchObject({ code: 'QUOTA', isCertain: true, retryAfterMs: 1_800_000 })
  })
})

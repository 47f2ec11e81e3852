import { afterEach, describe, expect, test } from 'vitest'

import { systemClock } from '../../../src/providers/gdrive/clock.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig, RigOptions } from '../../support/fake-drive/rig.ts'
import { permitOf } from '../../support/permits.ts'

let rig: Rig
async function open(options?: RigOptions): Promise<Rig> {
  rig = await openRig(options)
  return rig
}
afterEach(async () => {
  await rig.close()
})

const signal = noSignal

/** Writes below another root than the rig's, with a provider of its own. */
async function writeBelow(root: string, path = 'a'): Promise<void> {
  const provider = await rig.another({ root })
  await provider.probe({ signal })
  await provider.write({ root, path }, patternSource(3), { signal, permit: permitOf(), onProgress: () => {} })
}

describe('a root', () => {
  test("of the account's own drive", async () => {
    await open()
    rig.drive.addFolder('deep', { parent: rig.w })
    for (const root of ['/My Drive', '/My Drive/', 'My Drive/w', '/My Drive/w/deep/']) await writeBelow(root)
    expect(rig.drive.files().map(({ path }) => path)).toEqual(['My Drive/a', 'My Drive/w/a', 'My Drive/w/deep/a'].toSorted())
  })

  test('that was renamed, with another folder in its place since, is the other one within ten minutes', async () => {
    let ahead = 0
    await open({ provider: { clock: { ...systemClock, now: () => Date.now() + ahead } } })
    await rig.write('a', 'before')
    const former = rig.drive.store.peek(rig.w)
    if (former) former.name = 'w_2025'
    rig.drive.addFolder('w')
    ahead = 601_000
    await rig.write('a', 'after')
    await rig.write('b', 'after')
    expect(rig.drive.tree()).toEqual(['w/', 'w/a', 'w/b', 'w_2025/', 'w_2025/a'].map((path) => `My Drive/${path}`))
    expect(rig.drive.file('My Drive/w_2025/a')?.bytes?.toString()).toBe('before')
  })

  test('that somebody shared with the account', async () => {
    await open()
    const folder = rig.drive.addSharedFolder('studio')
    rig.drive.addFolder('work', { parent: folder })
    rig.drive.addSharedFolder('Studio')
    await writeBelow('/My Drive/studio')
    await writeBelow('/My Drive/studio/work')
    expect(
      rig.drive
        .files()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['Their Drive/studio/a', 'Their Drive/studio/work/a'])
    expect(rig.warnings).toEqual([])
  })

  test('on a shared drive, by its exact name', async () => {
    await open({ settings: { longestPage: 2 } })
    for (const name of ['Show', 'Show 2', 'The Show', 'show']) rig.drive.addSharedDrive(name)
    const drive = rig.drive.addSharedDrive('Shot')
    rig.drive.addFolder('work', { parent: drive })
    await writeBelow('/Shot/work')
    await writeBelow('/Show')
    expect(
      rig.drive
        .files()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['Shot/work/a', 'Show/a'])
    const lists = rig.drive.journal.of('files.list').filter(({ query }) => query['corpora'] === 'drive')
    expect(lists.length).toBeGreaterThan(0)
    expect(rig.drive.journal.count('files.delete')).toBe(0)
  })

  test('by id or URL, also of a shared drive or a shortcut', async () => {
    await open()
    const drive = rig.drive.addSharedDrive('Shot')
    const shortcut = rig.drive.addShortcut('short', rig.w)
    await writeBelow(rig.w, 'a1')
    await writeBelow(`https://drive.google.com/drive/folders/${rig.w}?usp=sharing`, 'a2')
    await writeBelow(`https://drive.google.com/drive/u/0/folders/${rig.w}`, 'a3')
    await writeBelow(`https://drive.google.com/open?id=${rig.w}`, 'a4')
    await writeBelow(`https://drive.google.com/drive/folders/${drive}`, 'a5')
    await writeBelow(shortcut, 'a6')
    expect(
      rig.drive
        .files()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['My Drive/w/a1', 'My Drive/w/a2', 'My Drive/w/a3', 'My Drive/w/a4', 'My Drive/w/a6', 'Shot/a5'])
  })

  test.each([
    '/My Drive/none',
    '/My Drive/w/none',
    '/No Such Drive/x',
    'https://drive.google.com/drive/folders/1nowhere',
    '1nowhere1nowhere',
    '/',
    'https://example.org/',
  ])('%s is missing, which says with whom to share it; it is never created', async (root) => {
    await open({ root })
    const before = rig.drive.tree()
    const calls = [rig.provider.probe({ signal }), rig.provider.stat(rig.at('a'), { signal }), rig.write('a', 'x')]
    for (const fault of await Promise.all(calls.map(async (call) => await call.catch((error: unknown) => error)))) {
      expect(fault).toMatchObject({ code: 'ROOT_MISSING', kind: 'site', message: expect.stringContaining(root) as string })
      expect((fault as Error).message).toMatch(/share it with site-sync@fake-project|allowed are /)
    }
    expect(rig.drive.tree()).toEqual(before)
  })

  test('that is a file, or in the trash', async () => {
    await open()
    const file = rig.drive.addFile('file', 'x')
    const folder = rig.drive.addFolder('old')
    rig.drive.trash(folder)
    for (const root of [file, folder])
      await expect((await rig.another({ root })).probe({ signal })).rejects.toMatchObject({ code: 'ROOT_MISSING' })
  })

  test('that comes to be is found', async () => {
    await open({ root: '/Shot/work' })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'ROOT_MISSING' })
    rig.drive.addFolder('work', { parent: rig.drive.addSharedDrive('Shot') })
    await rig.provider.probe({ signal })
    await rig.write('a', 'x')
  })

  test('several of them are all looked at', async () => {
    const root = new Map([
      ['work', '/My Drive/w'],
      ['render', '/My Drive/r'],
    ])
    await open({ root })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({
      code: 'ROOT_MISSING',
      message: expect.stringContaining('/My Drive/r') as string,
    })
    rig.drive.addFolder('r')
    await rig.provider.probe({ signal })
    expect(rig.drive.tree()).toEqual(['My Drive/r/', 'My Drive/w/'])
  })
})

describe('rights', () => {
  test.each(['writer', 'fileOrganizer'] as const)(
    'a %s of a shared drive may write, replace and add folders; nothing is deleted',
    async (role) => {
      await open({ root: '/Shot' })
      rig.drive.addSharedDrive('Shot', role)
      await rig.provider.probe({ signal })
      await rig.write('p/a', 'one')
      await rig.write('p/a', 'three')
      await rig.write('p/b', patternSource(6 * 1024 * 1024))
      expect(rig.drive.files()).toMatchObject([{ path: 'Shot/p/a', revisions: 2 }, { path: 'Shot/p/b' }])
      expect(rig.drive.journal.count('files.delete')).toBe(0)
      const unflagged = rig.drive.journal.entries.filter(
        ({ path, query }) =>
          path.includes('/files') && !path.endsWith('/generateIds') && !('upload_id' in query) && query['supportsAllDrives'] !== 'true',
      )
      expect(unflagged).toEqual([])
    },
  )

  test('a content manager removes, into the trash; a contributor may not', async () => {
    await open({ root: '/Shot' })
    const drive = rig.drive.addSharedDrive('Shot', 'fileOrganizer')
    await rig.write('a', 'x')
    await rig.write('b', 'x')
    await rig.provider.remove(rig.at('a'), { signal })
    expect(rig.drive.files().map(({ name }) => name)).toEqual(['b'])
    rig.drive.setRole(drive, 'writer')
    await expect(rig.provider.remove(rig.at('b'), { signal })).rejects.toMatchObject({ code: 'PERMISSION', kind: 'site' })
  })

  test('a reader is told so before anything is sent', async () => {
    await open({ root: '/My Drive/studio' })
    rig.drive.addSharedFolder('studio', 'reader')
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({
      code: 'PERMISSION',
      message: expect.stringContaining(rig.drive.email) as string,
    })
    await expect(rig.write('a', 'x')).rejects.toMatchObject({ code: 'PERMISSION', kind: 'site' })
    await expect(rig.write('a', patternSource(6 * 1024 * 1024))).rejects.toMatchObject({ code: 'PERMISSION', kind: 'site' })
    expect(rig.drive.journal.count('upload.chunk')).toBe(0)
  })
})

test('one file that may not be changed does not hold up the others of its folder', async () => {
  await open()
  const folder = rig.drive.addSharedFolder('studio')
  const locked = rig.drive.addFile('locked', 'x', { parent: folder })
  rig.drive.setRole(locked, 'reader')
  const provider = await rig.another({ root: '/My Drive/studio' })
  const options = { signal, permit: permitOf(), onProgress: () => {} }
  const write = async (path: string) => await provider.write({ root: '/My Drive/studio', path }, patternSource(3), options)
  await expect(write('locked')).rejects.toMatchObject({ code: 'REFUSED', kind: 'file' })
  await write('free')
})

describe('a service account without storage', () => {
  test('is told of shared drives; folders alone do not hide it', async () => {
    await open({ settings: { storageLimit: 0 }, root: '/My Drive/studio' })
    rig.drive.addSharedFolder('studio')
    const shape = { code: 'QUOTA', kind: 'site', message: expect.stringContaining('shared drive') as string }
    await expect(rig.write('p/a', 'x')).rejects.toMatchObject(shape)
    await expect(rig.write('p/a', patternSource(6 * 1024 * 1024))).rejects.toMatchObject(shape)
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject(shape)
    expect(rig.drive.journal.count('upload.multipart', 'upload.start')).toBe(0)
  })

  test('replaces what belongs to somebody else', async () => {
    await open({ settings: { storageLimit: 0 }, root: '/My Drive/studio' })
    const theirs = rig.drive.addFile('a', 'old', { parent: rig.drive.addSharedFolder('studio') })
    await rig.write('a', 'new')
    expect(rig.drive.files().map(({ id, bytes }) => [id, bytes?.toString()])).toEqual([[theirs, 'new']])
  })

  test('is told so by a refusal, too', async () => {
    await open()
    const message = 'Service Accounts do not have storage quota. Leverage shared drives.'
    rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'error', status: 403, reason: 'storageQuotaExceeded', message } })
    await expect(rig.write('a', 'x')).rejects.toMatchObject({ code: 'QUOTA', message: expect.stringContaining('shared drive') as string })
  })

  test('serves a shared drive', async () => {
    await open({ settings: { storageLimit: 0 }, root: '/Shot' })
    rig.drive.addSharedDrive('Shot')
    await rig.provider.probe({ signal })
    await rig.write('a', 'x')
    expect(rig.drive.journal.count('about.get')).toBe(0)
  })

  test('recovers without being opened again', async () => {
    await open({ settings: { storageLimit: 0 } })
    await expect(rig.write('a', 'x')).rejects.toMatchObject({ code: 'QUOTA' })
    rig.drive.settings.storageLimit = 1000
    await rig.provider.probe({ signal })
    await rig.write('a', 'x')
    rig.drive.settings.storageLimit = 1
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({
      code: 'QUOTA',
      message: expect.stringContaining('full') as string,
    })
  })
})

describe("Google's refusals", () => {
  test.each([
    [403, 'storageQuotaExceeded', 'QUOTA', "The user's Drive storage quota has been exceeded."],
    [403, 'quotaExceeded', 'QUOTA', 'no'],
    [403, 'dailyLimitExceeded', 'SITE_LIMIT', 'no'],
    [403, 'accessNotConfigured', 'SITE_LIMIT', 'no'],
    [403, 'domainPolicy', 'SITE_LIMIT', 'no'],
    [403, 'teamDriveFileLimitExceeded', 'SITE_LIMIT', 'no'],
    [403, 'activeItemCreationLimitExceeded', 'SITE_LIMIT', 'no'],
    [403, 'teamDriveHierarchyTooDeep', 'REFUSED', 'no'],
    [403, 'myDriveHierarchyDepthLimitExceeded', 'REFUSED', 'no'],
    [403, 'numChildrenInNonRootLimitExceeded', 'REFUSED', 'no'],
    [403, 'parentNotAFolder', 'REFUSED', 'no'],
    [403, 'insufficientFilePermissions', 'PERMISSION', 'no'],
    [403, 'insufficientParentPermissions', 'PERMISSION', 'no'],
    [403, 'appNotAuthorizedToFile', 'PERMISSION', 'no'],
    [403, 'somethingNew', 'PERMISSION', 'no'],
    [400, 'invalid', 'REFUSED', 'Bad name'],
    [413, 'uploadTooLarge', 'REFUSED', 'no'],
    [500, 'internalError', 'INTERRUPTED', 'no'],
  ])('%d %s is %s, after one attempt', async (status, reason, code, message) => {
    await open()
    await rig.write('a', 'x')
    rig.drive.fault({ on: 'upload.multipart', times: 100, effect: { kind: 'error', status, reason, message } })
    await expect(rig.write('b', 'x')).rejects.toMatchObject({ code, status, reason })
    expect(rig.drive.journal.count('upload.multipart')).toBe(2)
  })

  test.each([
    ['downloadQuotaExceeded', /within a day/],
    ['cannotDownloadAbusiveFile', /nobody but its owner/],
    ['fileNotDownloadable', /export it/],
  ])('to give out a file (%s) are about that file, and say what helps', async (reason, remedy) => {
    await open()
    await rig.write('a', 'x')
    rig.drive.fault({ on: 'media.read', times: 100, effect: { kind: 'error', status: 403, reason, message: 'no' } })
    const reading = rig.provider.read(rig.at('a'), { signal }).then(async (stream) => await Array.fromAsync(stream))
    await expect(reading).rejects.toMatchObject({ code: 'REFUSED', kind: 'file', message: expect.stringMatching(remedy) as string })
    await expect(reading).rejects.toMatchObject({ message: expect.not.stringContaining('role') as string })
  })

  test('carry no token and no address', async () => {
    await open()
    rig.drive.fault({ on: '*', after: 3, times: 100, effect: { kind: 'error', status: 400, reason: 'invalid', message: 'Bad' } })
    const fault = (await rig.write('p/a', 'x').catch((error: unknown) => error)) as Error
    const shown = `${JSON.stringify(fault)} ${fault.message} ${fault.stack} ${String(fault.cause)}`
    expect(fault).toMatchObject({ code: 'REFUSED' })
    expect(shown).not.toMatch(/Bearer|ya29|PRIVATE KEY|upload_id/)
    expect(fault.cause).toBeUndefined()
  })
})

test('a search that Google could not complete is no answer', async () => {
  await open()
  const body = JSON.stringify({ incompleteSearch: true, files: [] })
  rig.drive.fault({ on: 'files.list', effect: { kind: 'answer', status: 200, body, type: 'application/json' } })
  await expect(rig.provider.stat(rig.at('a'), { signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
})

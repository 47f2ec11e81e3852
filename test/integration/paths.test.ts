import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { startFakeDrive, type FakeDrive } from '../support/fake-drive/fake-drive.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

const NAMES = ['žluťoučký kůň.ma', `it's "x".exr`, 'a\\b', '100%_#?.tif', 'a{b}.ma', 'sh{010}.{ext}', ' two  spaces .ma', '$HOME', '-rf']

async function openDrive(): Promise<FakeDrive> {
  const drive = await startFakeDrive()
  onTestFinished(async () => await drive.close())
  return drive
}

/** The site `gdrive` is Google Drive, as far as anybody can tell. */
async function onDrive(
  drive: FakeDrive,
  root: ReadonlyMap<string, string> | string,
  more: Parameters<typeof Stage.open>[0] = {},
): Promise<Stage> {
  const credentialsFile = await drive.writeCredentials(await keyFolder())
  const gdrive = { name: 'gdrive', provider: 'gdrive', root, credentialsFile, apiEndpoint: drive.endpoint }
  return await Stage.open({ ...more, sites: [gdrive, ...(more.sites ?? [])] })
}

async function keyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'drive-key-'))
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }))
  return folder
}

test('case 22, 23: names are kept to the letter, on Google Drive and on a disk', async () => {
  const drive = await openDrive()
  drive.addFolder('w')
  const stage = await onDrive(drive, new Map([['work', '/My Drive/w']]), { sites: [{ name: 'memory' }] })
  const mirror = join(stage.dir, 'mirror')
  const sites = new Map(stage.settings.sites).set('mirror', {
    name: 'mirror',
    provider: 'local_drive',
    root: new Map([['work', mirror]]),
    alternativeSites: [],
  })
  for (const name of NAMES) await stage.file(`p/${name}`, `content of ${name}`)
  const document = representation(NAMES.map((name) => entry(`{root[work]}/p/${name}`, inArray('gdrive', 'mirror', 'memory'))))
  const running = await stage.start({ settings: { ...stage.settings, sites } })
  await stage.insert(document)
  for (const site of ['gdrive', 'mirror', 'memory']) for (const file of NAMES.keys()) await stage.synced(document, { site, file })
  expect(drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', ...NAMES.map((name) => `My Drive/w/p/${name}`)].toSorted())
  for (const name of NAMES) expect(drive.file(`My Drive/w/p/${name}`)?.bytes?.toString()).toBe(`content of ${name}`)
  expect(stage.spy('memory').store.paths()).toEqual(NAMES.map((name) => `/My Drive/w/p/${name}`).toSorted())
  // The id of a file on a disk is its path below the root.
  for (const [file, name] of NAMES.entries()) expect((await stage.record(document, { site: 'mirror', file }))?.['id']).toBe(`p/${name}`)
  await running.stop()
})

test('case 22: a name in another normal form is the same file, on either side', async () => {
  const drive = await openDrive()
  const w = drive.addFolder('w')
  const name = 'kůň.ma'
  drive.addFile(name.normalize('NFD'), 'old', { parent: w })
  const stage = await onDrive(drive, new Map([['work', '/My Drive/w']]))
  await stage.file(name.normalize('NFC'), 'new')
  const document = representation([entry(`{root[work]}/${name.normalize('NFC')}`, inArray('gdrive'))])
  await stage.insert(document)
  const running = await stage.start()
  await stage.synced(document)
  expect(drive.files().map(({ size, bytes }) => [size, bytes?.toString()])).toEqual([[3, 'new']])
  await running.stop()
})

test('case 1 on Google Drive: folders are made below the root, the id is that of Drive', async () => {
  const drive = await openDrive()
  drive.addFolder('w')
  const stage = await onDrive(drive, new Map([['work', '/My Drive/w']]))
  const running = await stage.start()
  const document = await stage.publish('p/q/a.ma')
  const record = await stage.synced(document)
  expect(drive.file('My Drive/w/p/q/a.ma')?.id).toBe(record['id'])
  expect(drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', 'My Drive/w/p/q/', 'My Drive/w/p/q/a.ma'])
  await running.stop()
  const tokens = new Set(drive.journal.entries.flatMap(({ authorization }) => authorization?.replace('Bearer ', '') ?? []))
  expect(tokens.size).toBe(1)
  for (const token of tokens) expect(running.lines.text).not.toContain(token)
  expect(running.lines.text).not.toContain('PRIVATE KEY')
})

test('case 42 on Google Drive: a rate limit with Retry-After spends no try and cools the site down for that long', async () => {
  const drive = await openDrive()
  drive.addFolder('w')
  const stage = await onDrive(drive, new Map([['work', '/My Drive/w']]), { sites: [{ name: 'nas' }] })
  drive.fault({
    on: 'upload.multipart',
    effect: { kind: 'error', status: 429, reason: 'rateLimitExceeded', retryAfter: '30' },
    times: 1_000,
  })
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('gdrive', 'nas'))])
  await stage.insert(document)
  const running = await stage.start()
  await stage.synced(document, { site: 'nas' })
  const cooling = await running.lines.until('site.cooling')
  expect(cooling.error?.code).toBe('RATE_LIMITED')
  expect(cooling.site_sync?.['for_ms']).toBe(30_000)
  const record = await stage.until(document, 'the reason', ({ error }) => typeof error === 'string')
  expect(record).not.toHaveProperty('tries')
  await running.stop()
})

test('case 33: several roots on either side; a root that nobody knows spends a try and calls nobody', async () => {
  const stage = await Stage.open({
    sites: [
      {
        name: 'gdrive',
        root: new Map([
          ['work', '/My Drive/w'],
          ['render', '/Team/r'],
        ]),
      },
    ],
  })
  const studio = new Map([
    ['work', stage.studioPath('', 'work')],
    ['render', stage.studioPath('', 'render')],
  ])
  const sites = new Map(stage.settings.sites).set('studio', { name: 'studio', provider: 'local_drive', root: studio, alternativeSites: [] })
  await stage.file('x', 'rendered', 'render')
  await stage.file('x', 'worked', 'work')
  const document = representation(['render', 'work', 'cache'].map((root) => entry(`{root[${root}]}/x`, inArray('gdrive'))))
  await stage.insert(document)
  const running = await stage.start({ settings: { ...stage.settings, sites } })
  await stage.synced(document)
  await stage.synced(document, { file: 1 })
  const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { file: 2 })
  expect(record['error']).toContain('"cache"')
  expect(stage.spy().store.get('/Team/r/x')?.toString()).toBe('rendered')
  expect(stage.spy().store.get('/My Drive/w/x')?.toString()).toBe('worked')
  expect(stage.spy().calls.write).toBe(2)
  await running.stop()
})

test('case 34: a single root serves {root}; a named root is a mistake that is told, and makes no folder', async () => {
  const drive = await openDrive()
  const stage = await onDrive(drive, '/My Drive')
  const sites = new Map(stage.settings.sites).set('studio', {
    name: 'studio',
    provider: 'local_drive',
    root: stage.studioPath('', 'work'),
    alternativeSites: [],
  })
  await stage.file('x')
  const document = representation([entry('{root}/x', inArray('gdrive')), entry('{root[work]}/x', inArray('gdrive'))])
  await stage.insert(document)
  const running = await stage.start({ settings: { ...stage.settings, sites } })
  await stage.synced(document)
  const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { file: 1 })
  expect(record['error']).toMatch(/"work".*single root/)
  expect(drive.tree()).toEqual(['My Drive/x'])
  await running.stop()
})

test('case 35: paths that leave their root, or have none, are refused; nothing outside is read or written', async () => {
  const stage = await Stage.open()
  await writeFile(join(stage.dir, 'secret'), 'outside')
  const refused = [
    '{root[work]}/../../secret',
    '{root[work]}/a/../../../secret',
    join(stage.dir, 'secret'),
    'secret',
    '{root[work]}',
    '{root[work]}/',
    '{root[work]}/..',
    '{root[work]}x/y',
  ]
  const document = representation(refused.map((path) => entry(path, inArray('gdrive'))))
  await stage.insert(document)
  const running = await stage.start()
  const errors: unknown[] = []
  for (const file of refused.keys()) errors.push((await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { file }))['error'])
  for (const [n, error] of errors.entries()) expect(error).toContain(refused[n])
  expect(stage.spy().calls).toMatchObject({ stat: 0, write: 0, read: 0 })
  await running.stop()
})

test('where nobody configured the publish site, the root that the publish wrote into the document serves', async () => {
  const stage = await Stage.open({ settings: { publishSite: 'home' } })
  await stage.file('x')
  const sites = [{ name: 'home', created_dt: T0 }, { name: 'gdrive' }]
  const map = representation([entry('{root[work]}/x', sites)], { context: { root: { work: stage.studioPath('') } } })
  const none = representation([entry('{root[work]}/x', sites)], { context: {} })
  await stage.insert(map, none)
  const running = await stage.start()
  await stage.synced(map)
  const failed = await stage.until(none, 'tries 1', ({ tries }) => tries === 1)
  expect(failed['error']).toContain('context.root')
  await running.stop()
})

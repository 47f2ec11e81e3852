import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { entry, inArray, inObject, representation, T0, wanted } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

test('case 27: a site whose provider does not exist is named once and left out; no try is spent; the others sync', async () => {
  const stage = await Stage.open({
    sites: [
      { name: 'dropbox9', provider: 'dropbox9' },
      { name: 'unread', provider: 'gdrive', root: '/My Drive', credentialsFile: '/none/key.json' },
    ],
    settings: { remoteSite: 'dropbox9', loopDelaySeconds: 0.1 },
  })
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('dropbox9', 'unread', 'gdrive'))])
  await stage.insert(document)
  const running = await stage.start()
  await stage.synced(document)
  await running.lines.scanned(3)
  expect(running.lines.of('site.misconfigured').map(({ site_sync: fields }) => fields?.site)).toEqual(['dropbox9', 'unread'])
  expect(running.lines.of('site.misconfigured')[1]?.message).toContain('/none/key.json')
  expect(await stage.record(document, { site: 'dropbox9' })).toEqual({ name: 'dropbox9' })
  expect(await stage.record(document, { site: 'unread' })).toEqual({ name: 'unread' })
  await running.stop()
})

test('case 28: a site that only documents name is left alone', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  const document = representation([
    entry('{root[work]}/a.ma', inArray({ name: 'gdrive', created_dt: T0 }, 'elsewhere')),
    entry('{root[work]}/b.ma', inObject({ gdrive: { created_dt: T0 }, elsewhere: {} })),
  ])
  const running = await stage.start()
  await stage.insert(document)
  await stage.settle(running)
  await running.lines.scanned(2)
  expect(await stage.read(document)).toEqual(document)
  expect(running.lines.count('transfer.started')).toBe(1)
  await running.stop()
})

test('case 29: publish site and remote site are the same: nothing is transferred', async () => {
  const overrides = new Map([['other', { remoteSite: 'gdrive' }]])
  const stage = await Stage.open({
    settings: { remoteSite: 'studio', loopDelaySeconds: 0.1, projects: { include: ['*'], exclude: [], overrides } },
  })
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma')
  await stage.insert(document)
  const running = await stage.start()
  await stage.settle(running, 'other')
  await running.lines.scanned(2)
  expect(await stage.read(document)).toEqual(document)
  expect(running.lines.count('transfer.started')).toBe(1)
  await running.stop()
})

test('case 42: a quota spends no try; the site is left alone for as long as it asks, the others go on', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { loopDelaySeconds: 0.2 } })
  const limit = new SyncError('RATE_LIMITED', 'quota exceeded for this user', { retryAfterMs: 30_000 })
  stage.spy().failWrites(limit)
  const running = await stage.start()
  await stage.file('a.ma')
  await stage.file('b.ma')
  const document = representation([
    entry('{root[work]}/a.ma', inArray('gdrive', 'nas')),
    entry('{root[work]}/b.ma', inObject({ gdrive: { tries: 1, error: 'earlier', last_failed_dt: T0 }, nas: {} })),
  ])
  await stage.insert(document)
  await stage.synced(document, { site: 'nas' })
  await stage.synced(document, { site: 'nas', file: 1 })
  const cooling = await running.lines.until('site.cooling')
  expect(cooling.site_sync).toMatchObject({ site: 'gdrive', for_ms: 30_000 })
  const record = await stage.until(document, 'the reason', ({ error }) => error !== undefined)
  expect(record).toEqual({ name: 'gdrive', error: expect.stringContaining('quota exceeded') as string })
  expect(await stage.record(document, { file: 1 })).toMatchObject({ tries: 1, last_failed_dt: T0 })
  const failed = running.lines.of('transfer.failed').find(({ site_sync: fields }) => String(fields?.path).endsWith('a.ma'))
  expect(failed).toMatchObject({ error: { code: 'RATE_LIMITED' }, site_sync: { tries: 0 } })
  const calls = stage.spy().uploads.length
  await running.lines.scanned(3)
  expect(stage.spy().uploads).toHaveLength(calls)
  expect(running.lines.count('site.cooling')).toBe(1)
  await running.stop()
})

test('a site that was down is probed, and what waited for it goes as soon as it answers', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600 } })
  const down = new SyncError('UNREACHABLE', 'the host does not answer', { retryAfterMs: 50 })
  stage.spy().fail({ verb: 'write', with: down }, { verb: 'probe', with: down })
  const running = await stage.start()
  const documents = [await stage.publish('a.ma'), await stage.publish('b.ma'), await stage.publish('c.ma')]
  await running.lines.until('site.cooling', 3)
  for (const document of documents) expect(await stage.record(document)).not.toHaveProperty('tries')
  stage.spy().calm()
  await running.lines.until('site.recovered')
  for (const document of documents) expect(await stage.synced(document)).not.toHaveProperty('error')
  await running.stop()
})

test('case 48: each site is served for itself: one that hangs does not delay the other', async () => {
  const stage = await Stage.open({
    sites: [
      { name: 'nas', concurrency: 2 },
      { name: 'sftp', concurrency: 2 },
    ],
  })
  stage.spy('nas').hold()
  const running = await stage.start()
  const documents = []
  for (let n = 0; n < 10; n++) {
    await stage.file(`${n}`)
    documents.push(representation([entry(`{root[work]}/${n}`, inArray('nas', 'sftp'))]))
  }
  await stage.insert(...documents)
  for (const document of documents) await stage.synced(document, { site: 'sftp' })
  await waitFor('nas at its limit', () => stage.spy('nas').writes.now === 2)
  expect(stage.spy('nas').uploads).toHaveLength(2)
  stage.spy('nas').release()
  for (const document of documents) await stage.synced(document, { site: 'nas' })
  expect([stage.spy('nas').writes.peak, stage.spy('sftp').writes.peak]).toEqual([2, 2])
  await running.stop()
})

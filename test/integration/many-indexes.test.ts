import { expect, test } from 'vitest'

import { ARRAY_INDEX, UNREADABLE_INDEX } from '../../src/streams/pending-query.ts'
import { entry, inArray, inObject, representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'

const MOST = 64
const OWNERS = 10
const many = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `site${n}` }))

async function indexNames(stage: Stage): Promise<string[]> {
  return (await stage.project().listIndexes().toArray()).map(({ name }) => String(name))
}

async function withOwners(stage: Stage, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await stage.project().createIndex({ [`owner${n}`]: 1 })
}

test('62 sites: the general indexes first, then those of sites in order as there is room, ten left to the owner; one warning', async () => {
  const stage = await Stage.open({ sites: many(61), settings: { loopDelaySeconds: 0.3 } })
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  await stage.file('b.ma')
  // A site without an index is served all the same.
  const document = representation([entry('{root[work]}/b.ma', inObject({ site60: {} })), entry('{root[work]}/b.ma', inArray('site59'))])
  await stage.insert(document)
  await stage.synced(document, { site: 'site60' })
  await stage.synced(document, { site: 'site59', file: 1 })
  const failed = await running.lines.until('database.index_failed')
  await running.lines.scanned(2)
  const names = await indexNames(stage)
  expect(names).toHaveLength(MOST - OWNERS)
  expect(names).toEqual(
    expect.arrayContaining([ARRAY_INDEX.name, UNREADABLE_INDEX.name, 'site_sync_pending.gdrive', 'site_sync_pending.site0']),
  )
  expect(failed).toMatchObject({ 'log.level': 'warn', site_sync: { project: PROJECT } })
  expect(failed.message).toMatch(
    /no room for site_sync_pending\.site50, .* and \d+ more\. Without them scans for these sites read the whole collection/,
  )
  expect(running.lines.count('database.index_failed', 'database.index')).toBe(2)
  await running.stop()
}, 60_000)

test.each([
  [40, 11, true],
  [61, 0, true],
  [63, 0, false],
])('the owner has %i indexes: %i of sites, the general one: %s', async (owners, sites, general) => {
  const stage = await Stage.open({ sites: many(20) })
  await withOwners(stage, owners)
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  await running.lines.until('database.index_failed')
  const names = await indexNames(stage)
  expect(names.filter((name) => name.startsWith('site_sync_pending.'))).toHaveLength(sites)
  expect(names.includes(ARRAY_INDEX.name)).toBe(general)
  await running.stop()
})

test('one index is refused: the others are created, and one warning names it', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }] })
  // The same name for something else.
  await stage.project().createIndex({ other: 1 }, { name: 'site_sync_pending.nas' })
  await stage.project().createIndex(ARRAY_INDEX.key, { name: 'owners', partialFilterExpression: ARRAY_INDEX.partialFilterExpression })
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  const failed = await running.lines.until('database.index_failed')
  expect(failed.message).toContain(`the server refused ${ARRAY_INDEX.name}, site_sync_pending.nas`)
  expect(await indexNames(stage)).toEqual(expect.arrayContaining([UNREADABLE_INDEX.name, 'site_sync_pending.gdrive']))
  expect(running.lines.count('database.index_failed')).toBe(1)
  await running.stop()
})

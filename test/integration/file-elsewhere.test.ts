import { Binary } from 'mongodb'
import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { entry, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

const ARRAY = [{ name: 'workstation', created_dt: T0 }, { name: 'gdrive' }]
const OBJECT = { workstation: { created_dt: T0 }, gdrive: {} }
const ODD = { 'a.b': { created_dt: T0 }, $x: {}, '': 7, gdrive: {} }
/** Of such a document only what is needed is read. */
const LARGE = { blob: new Binary(Buffer.alloc(300_000)) }

test.for([
  ['an array', ARRAY, {}],
  ['an object', OBJECT, {}],
  ['an array in a large document', ARRAY, LARGE],
  ['an object in a large document', OBJECT, LARGE],
  ['odd names in a large document', ODD, LARGE],
  ['$ at the front of a name in a large document', { $x: { created_dt: T0 }, gdrive: {} }, LARGE],
] as const)(
  'a file that a site which is not configured here is said to have costs no tries while the publish site has it not: %s',
  async ([, sites, more]) => {
    const stage = await Stage.open({ settings: { loopDelaySeconds: 1 } })
    await stage.file('other.ma')
    const running = await stage.start()
    const elsewhere = representation([entry('{root[work]}/elsewhere.ma', sites)], more)
    const nowhere = representation([entry('{root[work]}/nowhere.ma', [{ name: 'gdrive' }])])
    await stage.insert(elsewhere, nowhere)
    const before = await stage.record(elsewhere)
    // As many scans as it takes to spend all tries where nobody else is said to have the file.
    await stage.until(nowhere, 'all its tries', ({ tries }) => tries === 3)
    await running.lines.scanned()
    await stage.settle(running)
    expect(await stage.record(elsewhere)).toEqual(before)
    const told = running.lines.lines.filter(({ site_sync: fields }) => fields?.path === '{root[work]}/elsewhere.ma')
    expect(told).toEqual([])

    await stage.file('elsewhere.ma')
    await stage.synced(elsewhere)
    expect(stage.spy().store.get('/My Drive/w/elsewhere.ma')?.toString()).toBe('elsewhere.ma')
    await running.stop()
  },
)

test('a source that can not be looked at is its site’s trouble, wherever else the file is', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { loopDelaySeconds: 1, publishSite: 'nas' } })
  const running = await stage.start()
  stage.spy('nas').fail({ verb: 'stat', with: new SyncError('CREDENTIALS', 'the key was revoked') })
  const document = representation([entry('{root[work]}/a.ma', ARRAY)])
  await stage.insert(document)
  const { site_sync: fields } = await running.lines.until('site.cooling')
  expect(fields).toMatchObject({ site: 'nas' })
  await running.stop()
})

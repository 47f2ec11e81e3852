import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { entry, representation, T0, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

/** At two remote sites; the publish site has it not, and does not ask for it. */
function atTwoSites(target: string): Representation {
  const sites = [{ name: 'studio', paused: true }, { name: 'gdrive', created_dt: T0 }, { name: 'nas', created_dt: T0 }, { name: target }]
  return representation([entry('{root[work]}/a.ma', sites)])
}

test('a source in trouble is left alone, and the next one serves: no try is spent', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }, { name: 'vault' }], settings: { loopDelaySeconds: 1 } })
  for (const site of ['gdrive', 'nas']) stage.spy(site).store.put('/My Drive/w/a.ma', Buffer.from('content'))
  const broken = new SyncError('CREDENTIALS', 'the key was revoked')
  for (const verb of ['stat', 'read', 'probe'] as const) stage.spy('gdrive').fail({ verb, with: broken })
  const running = await stage.start()
  const document = atTwoSites('vault')
  await stage.insert(document)
  await stage.synced(document, { site: 'vault' })
  expect(stage.spy('vault').store.get('/My Drive/w/a.ma')?.toString()).toBe('content')
  expect((await stage.record(document, { site: 'vault' }))?.['tries']).toBeUndefined()
  expect(running.lines.of('site.cooling').map(({ site_sync: fields }) => fields?.site)).toContain('gdrive')
  expect(running.lines.count('transfer.failed')).toBe(running.lines.count('site.cooling'))
  // Its own record is as it was: nothing was learnt about the file.
  expect(await stage.record(document)).toEqual({ name: 'gdrive', created_dt: T0 })
  await running.stop()
})

test('a site that takes no more files still gives those it has', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { loopDelaySeconds: 1 } })
  stage.spy().store.put('/My Drive/w/there.ma', Buffer.from('content'))
  const full = new SyncError('QUOTA', 'the storage is full')
  for (const verb of ['write', 'probe'] as const) stage.spy().fail({ verb, with: full })
  const running = await stage.start()
  const upload = await stage.publish('new.ma')
  const { message } = await running.lines.until('site.cooling')
  expect(message).toContain('the storage is full')
  const sites = [{ name: 'studio', paused: true }, { name: 'gdrive', created_dt: T0 }, { name: 'nas' }]
  const copy = representation([entry('{root[work]}/there.ma', sites)])
  await stage.insert(copy)
  await stage.synced(copy, { site: 'nas' })
  expect(running.lines.count('site.recovered')).toBe(0)
  expect((await stage.record(upload))?.['created_dt']).toBeUndefined()
  stage.spy().calm()
  await running.stop()
})

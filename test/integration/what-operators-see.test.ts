import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { ReportedSite } from '../../src/streams/state-database.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

async function reported(stage: Stage, site = 'gdrive'): Promise<ReportedSite | undefined> {
  const report = await stage.state.collection<{ sites: ReportedSite[] }>('instances').findOne()
  return report?.sites.find((one) => one.site === site)
}

async function publishMany(stage: Stage, count: number): Promise<void> {
  const documents = Array.from({ length: count }, (_, n) => representation([entry(`{root[work]}/${n}.ma`, inArray('gdrive'))]))
  for (let n = 0; n < count; n++) await stage.file(`${n}.ma`)
  await stage.insert(...documents)
}

const undone = async (stage: Stage): Promise<number> =>
  await stage.project().countDocuments({ 'files.0.sites': { $elemMatch: { name: 'gdrive', created_dt: { $exists: false } } } })

test('running is what holds a slot; the rest is queued', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  // More than there are slots for.
  await publishMany(stage, 60)
  await waitFor('work under way', () => stage.spy().uploads.length > 20)
  stage.spy().hold()
  await waitFor('four uploads', () => stage.spy().writes.now === 4)
  const told = await waitFor('the report', async () => {
    const site = await reported(stage)
    return site?.running === 4 && site.queued === (await undone(stage)) - 4 && site
  })
  expect(told.queued).toBeGreaterThan(0)
  stage.spy().release()
  await waitFor('rest', async () => {
    const site = await reported(stage)
    return site?.running === 0 && site.queued === 0
  })
  await running.stop()
})

test('a reload: what runs under the former configuration is still seen, and the instance is never gone', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  stage.spy().hold()
  await publishMany(stage, 2)
  await waitFor('two uploads', async () => (await reported(stage))?.running === 2)
  running.service.reload({
    ...stage.settings,
    retryCount: 5,
    sites: new Map([...stage.settings.sites].filter(([name]) => name !== 'gdrive')),
  })
  running.service.reload({ ...stage.settings, retryCount: 6 })
  await stage.file('late.ma')
  await stage.insert(representation([entry('{root[work]}/late.ma', inArray('gdrive'))]))
  await waitFor('the third', async () => (await reported(stage))?.running === 3)
  stage.spy().release()
  await waitFor('rest', async () => (await reported(stage))?.running === 0)
  await running.stop()
  expect(await stage.state.collection('instances').countDocuments()).toBe(0)
})

test('the source is away for longer than leases last: nothing begins meanwhile, and no attempt goes on with a lease that is over', async () => {
  const LEASE_SECONDS = 2
  const stage = await Stage.open({
    settings: { leaseSeconds: LEASE_SECONDS },
    sites: [{ name: 'studio', provider: 'memory', concurrency: 4, alternativeSites: [] }],
  })
  const studio = stage.spy('studio')
  for (let n = 0; n < 60; n++) studio.store.put(`${stage.studioPath('')}/${n}.ma`.replaceAll('//', '/'), Buffer.from(`${n}`))
  const running = await stage.start()
  const leases = stage.state.collection<{ until: Date }>('leases')
  const held = async (): Promise<number> => await leases.countDocuments({ until: { $gt: new Date() } })
  await publishMany(stage, 60)
  await waitFor('work under way', () => stage.spy().uploads.length > 10)
  studio.fail({ verb: 'read', with: new SyncError('UNREACHABLE', 'the studio is away') })
  studio.fail({ verb: 'probe', with: new SyncError('UNREACHABLE', 'the studio is away') })
  await running.lines.until('site.cooling')
  const cooled = performance.now()
  // Those that were under way end, and what was reserved is given back.
  await waitFor('no lease', async () => (await held()) === 0)
  await waitFor('the report', async () => (await reported(stage))?.running === 0)
  await waitFor('longer than a lease', async () => {
    expect(await reported(stage)).toMatchObject({ running: 0 })
    expect(await held()).toBe(0)
    return performance.now() - cooled > LEASE_SECONDS * 1_500
  })
  studio.calm()
  await waitFor('all files', async () => (await undone(stage)) === 0, { withinMs: 60_000, seen: () => running.lines.summary().slice(-20) })
  await running.stop()
  expect(running.lines.of('transfer.released')).toEqual([])
}, 120_000)

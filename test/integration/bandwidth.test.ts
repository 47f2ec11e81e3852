import { describe, expect, test } from 'vitest'

import type { Bandwidth } from '../../src/model/bandwidth.ts'
import type { Site } from '../../src/model/site.ts'
import { systemClock } from '../../src/pipeline/clock.ts'
import { CHUNK as DRIVE_CHUNK, driveService, openDriveStage } from '../support/drive-stage.ts'
import { entry, inArray, representation, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const QUIET = { loopDelaySeconds: 3_600 }
const CHUNK = 65_536
const SIZE = 32 * CHUNK

/** Closed between nine and ten in the morning, by local time. */
const MORNING: Bandwidth = [{ from: 9 * 60, to: 10 * 60, limit: 0 }]
const atNoonOrAt = (hours: number, minutes = 0): Date => new Date(2026, 4, 4, hours, minutes)

/** The time of day is what the test says; everything else takes the time that it takes. */
function dayClock() {
  let now = atNoonOrAt(8)
  return { clock: { ...systemClock, wallTime: () => now }, turnTo: (time: Date) => (now = time) }
}

async function openStage(site: Partial<Site> & Pick<Site, 'name'>): Promise<Stage> {
  return Stage.open({ settings: QUIET, sites: [{ name: 'nas' }, site] })
}

async function publishLarge(stage: Stage): Promise<Representation> {
  await stage.file('large.mov', Buffer.alloc(SIZE, 'x'))
  const document = representation([entry('{root[work]}/large.mov', inArray('gdrive'))])
  await stage.insert(document)
  return document
}

describe('a window that closes a site', () => {
  test.each(['gdrive', 'studio'])(
    '%s: a running transfer is given back, later work waits, and both go on when it is over',
    async (name) => {
      const stage = await openStage({ name, bandwidth: MORNING })
      const { clock, turnTo } = dayClock()
      const spy = stage.spy()
      spy.chunkBytes = CHUNK
      const stopped = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      spy.gate = async ({ verb, bytes }) => {
        if (verb !== 'chunk' || bytes < SIZE / 2) return
        stopped.resolve()
        await go.promise
      }
      const document = await publishLarge(stage)
      const running = await stage.start({ clock })
      await stopped.promise
      turnTo(atNoonOrAt(9, 30))
      const released = await running.lines.until('transfer.released')
      expect(released.message).toContain(`site "${name}" is closed until ${atNoonOrAt(10).toISOString()} by its "bandwidth"`)
      go.resolve()
      await waitFor('the end of what is under way', () => running.service.attempts.length === 0)
      expect(await stage.record(document)).toEqual({ name: 'gdrive' })
      const later = await stage.publish('later.ma')
      if (name === 'gdrive') await stage.fence({ site: 'nas' })
      expect(running.lines.of('controls.paused').map(({ message }) => message)).toEqual([
        `site "${name}" is closed until ${atNoonOrAt(10).toISOString()} by its "bandwidth"`,
      ])
      expect(await stage.record(later)).toEqual({ name: 'gdrive' })
      turnTo(atNoonOrAt(10))
      for (const each of [document, later]) expect(await stage.synced(each)).not.toHaveProperty('tries')
      expect(spy.bytesWritten).toBeLessThanOrEqual(SIZE + 2 * CHUNK)
      await running.stop()
    },
  )

  test('is known before the first work; one pass leaves the site alone and is done', async () => {
    const stage = await openStage({ name: 'gdrive', bandwidth: MORNING })
    const { clock, turnTo } = dayClock()
    turnTo(atNoonOrAt(9))
    const document = await stage.publish('a.ma')
    const running = stage.launch({ clock, mode: 'once' })
    await running.ended
    expect(running.lines.count('transfer.started')).toBe(0)
    expect(await stage.record(document)).toEqual({ name: 'gdrive' })
  })
})

test.each<[string, Partial<Site> & Pick<Site, 'name'>]>([
  ['that it goes to', { name: 'gdrive', bandwidth: 400_000 }],
  ['that it comes from', { name: 'studio', bandwidth: 400_000 }],
])('bytes go no faster than the site bears %s, however many transfers there are', async (_, site) => {
  const stage = await openStage(site)
  const files = ['one', 'two', 'three', 'four']
  for (const path of files) await stage.file(path, Buffer.alloc(200_000, path))
  const running = await stage.start()
  const documents = files.map((path) => representation([entry(`{root[work]}/${path}`, inArray('gdrive'))]))
  const began = performance.now()
  await stage.insert(...documents)
  for (const document of documents) await stage.synced(document)
  // 800,000 bytes, of which a quarter of a second's and a piece for each stream may go at once.
  expect(performance.now() - began).toBeGreaterThan(1_000)
  expect(stage.spy().store.get('/My Drive/w/two')).toEqual(Buffer.alloc(200_000, 'two'))
  await running.stop()
})

test('two instances share what is for the cluster', { timeout: 60_000 }, async () => {
  const stage = await openStage({ name: 'gdrive', bandwidth: 400_000, concurrencyScope: 'cluster', concurrency: 8 })
  const files = Array.from({ length: 16 }, (_, n) => `frame.${n}`)
  for (const path of files) await stage.file(path, Buffer.alloc(200_000, path))
  const instances = [await stage.start(), await stage.start()]
  await waitFor('both to be known', async () => (await stage.state.collection('instances').countDocuments()) === 2)
  const began = performance.now()
  await stage.insert(...files.map((path) => representation([entry(`{root[work]}/${path}`, inArray('gdrive'))])))
  await waitFor('all files', () => stage.spy().store.paths().length === files.length, { withinMs: 40_000 })
  // 3.2 MB: eight seconds together, four if each had all of it; they hear of each other within the first two.
  expect(performance.now() - began).toBeGreaterThan(5_500)
  for (const { lines } of instances) expect(lines.count('transfer.started')).toBeGreaterThan(0)
  for (const running of instances) await running.stop()
})

test('an upload to Drive in chunks goes no faster either, and arrives whole', async () => {
  const { stage, drive } = await openDriveStage({ sites: [{ name: 'gdrive', bandwidth: 800_000 }] })
  const content = Buffer.alloc(4 * DRIVE_CHUNK, 'drive')
  await stage.file('large.mov', content)
  const running = await stage.start(driveService(stage))
  const document = representation([entry('{root[work]}/large.mov', inArray('gdrive'))])
  const began = performance.now()
  await stage.insert(document)
  await stage.synced(document)
  expect(performance.now() - began).toBeGreaterThan(800)
  expect(drive.file('My Drive/w/large.mov')?.bytes).toEqual(content)
  await running.stop()
})

test('status and explain say that a site is closed, and until when', async () => {
  const stage = await Stage.open()
  const today = new Date()
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
  // Should midnight come while this runs, it is closed all the same.
  const closed = [0, 1].map((later) => days[(today.getDay() + later) % 7])
  const end = new Date(today.getFullYear(), today.getMonth(), today.getDate() + 2).toISOString()
  const bandwidth = [{ from: '00:00', to: '24:00', days: closed, limit: 0 }]
  const mirror = { provider: 'local_drive', root: { work: `${stage.dir}/mirror` }, bandwidth }
  const config = await writeConfig(stage, { sites: { mirror } })
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('mirror'))])
  await stage.insert(document)
  const run = async (...args: readonly string[]): Promise<string> => {
    const command = new ServiceProcess([...args, '--config', config])
    expect([await command.end(), command.stderr]).toEqual([0, ''])
    return command.stdout
  }
  expect(JSON.parse(await run('status', '--json'))).toMatchObject({ pauses: [], closed: [{ site: 'mirror', until: end }] })
  expect(await run('status')).toContain(`: site "mirror" is closed until ${end} by its "bandwidth".`)
  const explained = await run('explain', String(document._id))
  expect(explained).toContain(`a.ma → mirror: pending: site "mirror" is closed until ${end} by its "bandwidth". It is pending`)
  expect(explained).not.toContain('resume')
})

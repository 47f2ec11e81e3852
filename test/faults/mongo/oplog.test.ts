import { expect, test } from 'vitest'

import { ownSet } from '../../support/own-set.ts'
import type { Representation } from '../../support/published.ts'
import { rollOplog } from '../../support/roll-oplog.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { Stage, type Running } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const own = ownSet({ oplogSizeMb: 1, syncDelaySeconds: 1 })

const QUIET = { settings: { loopDelaySeconds: 3_600 }, sites: [{ name: 'gdrive', concurrency: 16 }] }

/** A service that was stopped in good order, and 200 publishes that came since. */
async function missed(): Promise<{ stage: Stage; documents: Representation[] }> {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  await stage.settle(running)
  await running.stop()
  const documents: Representation[] = []
  for (let n = 0; n < 200; n++) documents.push(await stage.publish(`missed/${n}`))
  return { stage, documents }
}

async function expectExact(stage: Stage, running: Running, documents: readonly Representation[]): Promise<void> {
  for (const document of documents) expect(await stage.synced(document, { withinMs: 30_000 })).not.toHaveProperty('tries')
  await stage.settle(running)
  await running.stop()
  const uploads = stage.spy().uploads.filter((path) => !path.includes('fence'))
  expect(uploads).toHaveLength(documents.length)
  expect(new Set(uploads).size).toBe(documents.length)
}

test('the oplog is overwritten while the service is down: told once, one fresh stream, one full scan, each of 200 exactly once', async () => {
  const { stage, documents } = await missed()
  await rollOplog(own.client)
  const running = await stage.start()
  await expectExact(stage, running, documents)
  const { lines } = running
  const [lost, ...more] = lines.of('stream.lost')
  expect(more).toEqual([])
  expect(lost?.site_sync).toMatchObject({ history_lost: true })
  expect([lines.count('stream.opened'), lines.count('stream.resumed')]).toEqual([1, 0])
  expect(lines.of('scan.finished').filter(({ site_sync: fields }) => fields?.['reason'] === 'start')).toHaveLength(1)
})

test('the oplog is overwritten while the service stands still: nothing is missing', async () => {
  const stage = await own.stage()
  const service = new ServiceProcess(['run', '--config', await writeConfig(stage, { general: { loop_delay: 3_600 } })])
  await service.lines.until('service.ready')
  await service.lines.until('scan.finished')
  service.signal('SIGSTOP')
  const documents: Representation[] = []
  try {
    for (let n = 0; n < 50; n++) documents.push(await stage.publish(`slow/${n}`, { name: 'mirror' }))
    await rollOplog(own.client)
    await rollOplog(own.client)
  } finally {
    service.signal('SIGCONT')
  }
  for (const document of documents) await stage.synced(document, { site: 'mirror', withinMs: 30_000 })
  // A record is marked a little before its line comes.
  await waitFor('a line for each', () => service.lines.count('transfer.succeeded') >= 50)
  expect(service.lines.count('transfer.succeeded')).toBe(50)
  expect(service.lines.count('stream.lost')).toBeLessThanOrEqual(1)
  expect(service.lines.count('stream.opened', 'stream.resumed')).toBe(1 + service.lines.count('stream.lost'))
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect(service.stderr).toBe('')
}, 60_000)

test('a token of another cluster: a fresh start and a scan, and what comes then is told', async () => {
  // The other cluster was younger, then its clock is ahead by a day.
  for (const seconds of [-86_400, 86_400]) {
    const { stage, documents } = await missed()
    const tokens = stage.state.collection<{ _id: string; token: Record<string, unknown> }>('resume_tokens')
    const stored = await tokens.findOne()
    const data = String(stored?.token['_data'])
    // Seconds since the epoch stand in the four bytes after the first.
    const other = (Number.parseInt(data.slice(2, 10), 16) + seconds).toString(16).toUpperCase().padStart(8, '0')
    await tokens.updateOne({}, { $set: { 'token._data': data.slice(0, 2) + other + data.slice(10) } })
    const running = await stage.start()
    // Waits for the stream: there is no further scan.
    await stage.settle(running)
    await expectExact(stage, running, documents)
    expect(running.lines.count('stream.lost')).toBeLessThanOrEqual(1)
    await waitFor('the token to be of this cluster', async () => {
      const saved = String((await tokens.findOne())?.token['_data'])
      return Math.abs(Number.parseInt(saved.slice(2, 10), 16) - Date.now() / 1_000) < 3_600
    })
  }
}, 60_000)

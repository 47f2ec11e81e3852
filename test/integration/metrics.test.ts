import { text } from 'node:stream/consumers'
import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { Metrics } from '../../src/metrics/metrics.ts'
import { controlStore } from '../../src/streams/control-store.ts'
import { addressOf, ask, HTTP, open } from '../support/http-client.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

/** By name with labels, as in `site_sync_pending{site="nas",state="failed"}`. */
type Series = ReadonlyMap<string, number>

async function scrape(address: string): Promise<Series> {
  const answer = await open(address, '/metrics')
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, expect.stringContaining('text/plain')])
  const lines = (await text(answer)).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}

/** Gauges are found anew only every few seconds. */
async function until(address: string, series: string, value: number | undefined): Promise<void> {
  let seen: Series = new Map()
  const isThere = async (): Promise<boolean> => {
    seen = await scrape(address)
    return seen.get(series) === value
  }
  await waitFor(`${series} to be ${value}`, isThere, { withinMs: 20_000, seen: () => [...seen] })
}

/** MongoDB does not answer when the service asks what the instances say. Gives back how to end it. */
async function failSilently({ db, state }: Stage): Promise<() => Promise<void>> {
  const admin = db.client.db('admin')
  const namespace = `${state.databaseName}.instances`
  const data = { failCommands: ['find'], namespace, appName: 'site-sync', blockConnection: true, blockTimeMS: 12_000 }
  await admin.command({ configureFailPoint: 'failCommand', mode: 'alwaysOn', data })
  return async () => void (await admin.command({ configureFailPoint: 'failCommand', mode: 'off' }))
}

test('what happened is counted, and how things are is asked for', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { http: HTTP, retryCount: 1 } })
  const running = await stage.start()
  const address = await addressOf(running)
  await stage.file('a.ma', 'twelve bytes')
  const document = representation([entry('{root[work]}/a.ma', inArray('gdrive', 'nas'))])
  const lost = representation([entry('{root[work]}/lost.ma', inArray('nas'))])
  const waits = representation([entry('{root[work]}/later.ma', inArray({ name: 'gdrive', paused: true }))])
  await stage.insert(document, lost, waits)
  for (const site of ['gdrive', 'nas']) await stage.synced(document, { site })
  await stage.until(lost, 'its failure', ({ tries }) => tries === 1, { site: 'nas' })
  await controlStore(stage.state, stage.settings.mongo.database).pause({ site: 'gdrive', who: 'anna', since: T0 })
  await until(address, 'site_sync_paused{scope="site:gdrive"}', 1)

  const series = await scrape(address)
  const of = (name: string): number | undefined => series.get(`site_sync_${name}`)
  expect(of('transfers_total{project="prj",site="gdrive",outcome="synced"}')).toBe(1)
  expect(of('transfers_total{project="prj",site="nas",outcome="synced"}')).toBe(1)
  expect(of('transfers_total{project="prj",site="nas",outcome="failed"}')).toBe(1)
  expect(of('transferred_bytes_total{site="nas",direction="in"}')).toBe(12)
  expect(of('transferred_bytes_total{site="studio",direction="out"}')).toBe(24)
  expect(of('publish_to_synced_seconds_count{site="nas"}')).toBe(1)
  expect(of('publish_to_start_seconds_count{site="nas"}')).toBe(2)
  expect(of('publish_to_synced_seconds_sum{site="nas"}')).toBeLessThan(60)
  expect(of('exhausted{site="nas"}')).toBe(1)
  expect(of('pending{site="gdrive",state="paused"}')).toBe(1)
  expect(of('pending{site="gdrive",state="pending"}')).toBe(0)
  expect(of('site_up{site="gdrive"}')).toBe(1)
  expect(of('last_success_timestamp_seconds{site="nas"}')).toBeGreaterThan(1_700_000_000)
  expect(of('scan_duration_seconds_count')).toBeGreaterThanOrEqual(1)
  expect(of('change_stream_lag_seconds')).toBeLessThan(60)
  expect(of('leases_lost_total')).toBe(0)
  expect(of('oplog_window_seconds')).toBeGreaterThanOrEqual(0)
  expect([...series.keys()].filter((name) => /\.ma|[0-9a-f]{24}/.test(name))).toEqual([])
  await running.stop()
})

test('a site in trouble is down and has its oldest; it makes no service unready', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { http: HTTP } })
  const down = new SyncError('CREDENTIALS', 'the account is locked')
  stage.spy('nas').fail({ verb: 'write', with: down }, { verb: 'probe', with: down })
  const running = await stage.start()
  const address = await addressOf(running)
  await stage.file('a.ma')
  await stage.insert(representation([entry('{root[work]}/a.ma', inArray('nas'))]))
  await until(address, 'site_sync_site_up{site="nas"}', 0)
  const series = await scrape(address)
  expect(series.get('site_sync_oldest_pending_seconds{site="nas"}')).toBeGreaterThanOrEqual(0)
  expect(series.get('site_sync_site_up{site="gdrive"}')).toBe(1)
  expect(await ask(address, '/healthz')).toMatchObject({ status: 200 })
  expect(await ask(address, '/readyz')).toMatchObject({ status: 200, body: { status: 'ready', reasons: [] } })
  running.service.rejected('retry_cnt is "x"')
  expect(await ask(address, '/readyz')).toMatchObject({
    status: 503,
    body: { reasons: ['the changed configuration was not taken: retry_cnt is "x"'] },
  })
  await running.stop()
})

test('each metric is in the docs, and the other way round; alerts ask for metrics that there are', async () => {
  const { names } = new Metrics(async () => await Promise.reject(new Error('nobody asks')))
  const docs = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const documented = [...docs.matchAll(/^\| `((?:site_sync|process)_\w+)` \| (?:counter|gauge|histogram) \|/gm)].map(([, name]) => name)
  expect(new Set(documented)).toEqual(new Set(names))
  const rules = await readFile(new URL('../../examples/prometheus-rules.yml', import.meta.url), 'utf8')
  const asked = new Set([...rules.matchAll(/site_sync_\w+/g)].map(([name]) => name))
  expect([...asked].filter((name) => !names.includes(name))).toEqual([])
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name)
  const explained = [...docs.matchAll(/^\| `(SiteSync\w+)` \|/gm)].map(([, name]) => name)
  expect(explained).toEqual(alerts)
})

test('a scrape answers while MongoDB does not', async () => {
  const stage = await Stage.open({ settings: { http: HTTP } })
  const running = await stage.start()
  const address = await addressOf(running)
  await stage.synced(await stage.publish('a.ma'))
  await until(address, 'site_sync_mongodb_up', 1)
  await until(address, 'site_sync_change_stream_up', 1)
  await until(address, 'site_sync_pending{site="gdrive",state="pending"}', 0)
  const silent = await failSilently(stage)
  const series = await scrape(address)
  await silent()
  // What was counted last is told, with its age.
  expect(series.get('site_sync_pending{site="gdrive",state="pending"}')).toBe(0)
  expect(series.get('site_sync_counts_age_seconds')).toBeGreaterThanOrEqual(0)
  expect(series.get('site_sync_heartbeat_age_seconds')).toBeLessThan(60)
  expect(series.get('site_sync_oplog_filling')).toBe(1)
  expect(series.get('process_resident_memory_bytes')).toBeGreaterThan(1e6)
  expect(await ask(address, '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
  await running.stop()
})

test('while MongoDB is unavailable, what was counted is told all the same', async () => {
  const metrics = new Metrics(async () => await Promise.reject(new Error('unavailable')))
  metrics.leasesLost.inc(2)
  const told = await metrics.exposition()
  expect(told).toContain('site_sync_leases_lost_total 2')
  expect(told).not.toMatch(/^site_sync_oplog_window_seconds/m)
})

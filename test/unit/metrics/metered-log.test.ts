import { expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { MeteredLog } from '../../../src/metrics/metered-log.ts'
import { Metrics } from '../../../src/metrics/metrics.ts'
import type { Look } from '../../../src/model/look.ts'
import type { Transfer } from '../../../src/model/transfer.ts'

const MINUTE = 60_000

interface Pending {
  readonly site?: string
  readonly tries?: number
  readonly error?: string
}

function rig() {
  let now = 1_000
  const told: string[] = []
  const metrics = new Metrics(async () => await Promise.reject(new Error('nobody asks')))
  const log = new MeteredLog(
    { event: (action) => void told.push(action) },
    metrics,
    () => now,
    () => now / 1_000,
  )
  const series = async (name: string): Promise<string[]> =>
    (await metrics.exposition()).split('\n').filter((line) => line.startsWith(`site_sync_${name}`))
  const look = (lead: Look['lead'], representationId: string, ...pending: readonly Pending[]): void => {
    const transfers = pending.map(({ site = 'nas', tries = 0, error }) => {
      const snapshot = error === undefined ? {} : { error }
      return { project: 'prj', representationId, fileId: 'f', path: 'a.ma', site, tries, snapshot } as unknown as Transfer
    })
    log.looked({ lead, project: 'prj', representationId, transfers })
  }
  /** The stream tells of a change, which is looked at. */
  const changed = (representationId: string, ...pending: readonly Pending[]): void => {
    log.heard({ project: 'prj', representationId })
    look('change', representationId, ...pending)
  }
  const scanned = (reason: string): void => log.event('scan.finished', { durationMs: 20, extra: { reason } })
  return { log, told, series, look, changed, scanned, pass: (ms: number) => (now += ms), seconds: () => Math.floor(now / 1_000) }
}

const of = (representationId: string, site = 'nas') => ({ project: 'prj', representationId, fileId: 'f', path: 'a.ma', site, tries: 0 })

test('each event is passed on', () => {
  const { log, told } = rig()
  log.event('service.ready')
  log.event('transfer.started', { tries: 0 })
  expect(told).toEqual(['service.ready', 'transfer.started'])
})

test('from the news that a file is asked for to the start and to the arrival, of what the stream told of', async () => {
  const { log, series, pass, changed, look } = rig()
  changed('told', {})
  look('scan', 'found', {})
  pass(40)
  for (const id of ['told', 'found']) log.event('transfer.started', of(id))
  pass(460)
  for (const id of ['told', 'found']) log.event('transfer.succeeded', of(id))
  expect(await series('publish_to_start_seconds_sum')).toEqual(['site_sync_publish_to_start_seconds_sum{site="nas"} 0.04'])
  expect(await series('publish_to_start_seconds_count')).toEqual(['site_sync_publish_to_start_seconds_count{site="nas"} 1'])
  expect(await series('publish_to_synced_seconds_sum')).toEqual(['site_sync_publish_to_synced_seconds_sum{site="nas"} 0.5'])
})

test('a site that is added to an old publish counts from when it was added, and so does a file that is reset', async () => {
  const { log, series, pass, changed } = rig()
  const sent = (site: string): void => {
    pass(1_000)
    log.event('transfer.started', of('old', site))
    pass(1_000)
    log.event('transfer.succeeded', of('old', site))
  }
  changed('old', {})
  sent('nas')
  pass(600 * MINUTE)
  changed('old', { site: 'gdrive' })
  sent('gdrive')
  pass(600 * MINUTE)
  changed('old', {})
  sent('nas')
  expect(await series('publish_to_start_seconds_sum')).toEqual([
    'site_sync_publish_to_start_seconds_sum{site="nas"} 2',
    'site_sync_publish_to_start_seconds_sum{site="gdrive"} 1',
  ])
  expect(await series('publish_to_synced_seconds_sum')).toEqual([
    'site_sync_publish_to_synced_seconds_sum{site="nas"} 4',
    'site_sync_publish_to_synced_seconds_sum{site="gdrive"} 2',
  ])
})

test('an attempt that is made again after trouble of the site starts no second time, and its wait counts for the arrival', async () => {
  const { log, series, pass, changed, look } = rig()
  changed('a', {})
  pass(1_000)
  log.event('transfer.started', of('a'))
  log.event('transfer.failed', { ...of('a'), error: new SyncError('QUOTA', 'full') })
  pass(60 * MINUTE)
  look('interval', 'a', { error: 'full' })
  log.event('transfer.started', of('a'))
  log.event('transfer.succeeded', of('a'))
  expect(await series('publish_to_start_seconds_sum')).toEqual(['site_sync_publish_to_start_seconds_sum{site="nas"} 1'])
  expect(await series('publish_to_start_seconds_count')).toEqual(['site_sync_publish_to_start_seconds_count{site="nas"} 1'])
  expect(await series('publish_to_synced_seconds_sum')).toEqual(['site_sync_publish_to_synced_seconds_sum{site="nas"} 3601'])
})

test('a file whose tries were used up and deleted by hand counts from then', async () => {
  const { log, series, pass, changed } = rig()
  changed('a', {})
  log.event('transfer.started', of('a'))
  log.event('transfer.failed', { ...of('a'), tries: 1, error: new SyncError('SOURCE_MISSING', 'gone') })
  pass(600 * MINUTE)
  changed('a', {})
  pass(2_000)
  log.event('transfer.started', of('a'))
  expect(await series('publish_to_start_seconds_sum')).toEqual(['site_sync_publish_to_start_seconds_sum{site="nas"} 2'])
})

test('failed attempts count by the code of the fault', async () => {
  const { log, series } = rig()
  log.event('transfer.failed', { ...of('a'), tries: 1, error: new SyncError('SOURCE_MISSING', 'gone') })
  log.event('transfer.failed', { ...of('b'), tries: 1, error: new Error('?') })
  expect(await series('failures_total')).toEqual([
    'site_sync_failures_total{site="nas",code="SOURCE_MISSING"} 1',
    'site_sync_failures_total{site="nas",code="UNEXPECTED"} 1',
  ])
})

test('a lease that is lost counts, and no other end of an attempt', async () => {
  const { log, series } = rig()
  log.event('transfer.released', { message: 'shutdown' })
  log.event('transfer.released', { message: 'its lease is not ours any more', extra: { lease_lost: true } })
  expect(await series('leases_lost_total')).toEqual(['site_sync_leases_lost_total 1'])
})

test('a stream that is opened again counts, by what ended it; the first opening does not', async () => {
  const { log, series } = rig()
  log.event('stream.opened')
  log.event('stream.lost', { extra: { history_lost: false } })
  log.event('stream.resumed')
  log.event('stream.lost', { extra: { history_lost: true } })
  log.event('stream.opened')
  expect(await series('change_stream_resumes_total')).toEqual([
    'site_sync_change_stream_resumes_total{reason="interrupted"} 1',
    'site_sync_change_stream_resumes_total{reason="history lost"} 1',
  ])
})

test('the lag of the stream: unknown before it is open, growing while it is lost, and forgotten when nothing comes', async () => {
  const { log, series, pass, seconds } = rig()
  const lag = async (): Promise<string[]> => (await series('change_stream_lag_seconds')).map((line) => line.split(' ')[1] ?? '')
  expect(await lag()).toEqual([])
  log.event('stream.opened')
  log.heard({ project: 'prj', representationId: 'a', writtenAt: seconds() - 3 })
  expect(await lag()).toEqual(['3'])
  pass(MINUTE)
  expect(await lag()).toEqual(['0'])
  log.event('stream.lost', { extra: { history_lost: false } })
  pass(5 * MINUTE)
  log.event('stream.lost', { extra: { history_lost: false } })
  pass(5 * MINUTE)
  expect(await lag()).toEqual(['600'])
  log.event('stream.resumed')
  expect(await lag()).toEqual(['0'])
  log.event('stream.unavailable')
  expect(await lag()).toEqual([])
})

test('what a regular scan finds and the stream did not tell of counts, once', async () => {
  const { series, look, scanned, pass } = rig()
  look('scan', 'before the start', {})
  scanned('start')
  look('interval', 'before the start', {})
  for (let times = 0; times < 3; times++) {
    look('interval', 'missed', {}, { site: 'gdrive' })
    scanned('interval')
    pass(MINUTE)
  }
  expect(await series('found_by_scan_total')).toEqual(['site_sync_found_by_scan_total 2'])
  expect(await series('scan_duration_seconds_count')).toEqual(['site_sync_scan_duration_seconds_count 4'])
})

test.each<[string, (all: ReturnType<typeof rig>) => void]>([
  ['are retries', ({ look }) => look('interval', 'a', { tries: 1 })],
  ['wait for a site in trouble', ({ look }) => look('interval', 'a', { error: 'quota' })],
  [
    'the stream told of',
    ({ look, changed, pass }) => {
      changed('a', {})
      pass(MINUTE)
      look('interval', 'a', {})
    },
  ],
  [
    'the stream tells of a moment later',
    ({ look, changed, pass }) => {
      look('interval', 'a', {})
      pass(5_000)
      changed('a', {})
    },
  ],
  [
    'were done since the scan has read them',
    ({ log, look, changed, pass }) => {
      changed('a', {})
      log.event('transfer.succeeded', of('a'))
      pass(1_000)
      look('interval', 'a', {})
    },
  ],
  [
    'an earlier scan left out, since their site had no room',
    ({ log, look, scanned }) => {
      log.turnedAway('nas')
      scanned('interval')
      look('interval', 'a', {})
    },
  ],
  ['other scans find', ({ look }) => look('scan', 'a', {})],
])('files that %s are not what the stream missed', async (_title, act) => {
  const all = rig()
  all.scanned('start')
  act(all)
  all.scanned('interval')
  all.pass(MINUTE)
  expect(await all.series('found_by_scan_total')).toEqual(['site_sync_found_by_scan_total 0'])
})

test('of more files than can be remembered, none is said to be missed', async () => {
  const { series, look, scanned, pass } = rig()
  const found = (lead: Look['lead']): void => {
    for (let at = 0; at < 50_100; at++) look(lead, `r${at}`, {})
  }
  found('scan')
  scanned('start')
  found('interval')
  pass(MINUTE)
  expect(await series('found_by_scan_total')).toEqual(['site_sync_found_by_scan_total 0'])
})

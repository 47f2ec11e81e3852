import { expect, test } from 'vitest'

import { MeteredLog } from '../../../src/metrics/metered-log.ts'
import { Metrics } from '../../../src/metrics/metrics.ts'

function rig() {
  let now = 1_000
  const told: string[] = []
  const metrics = new Metrics(async () => await Promise.reject(new Error('nobody asks')))
  const log = new MeteredLog({ event: (action) => void told.push(action) }, metrics, () => now)
  const series = async (name: string): Promise<string[]> =>
    (await metrics.exposition()).split('\n').filter((line) => line.startsWith(`site_sync_${name}`))
  return { log, told, series, pass: (ms: number) => (now += ms) }
}

const of = (representationId: string) => ({ project: 'prj', representationId, site: 'nas', tries: 0 })

test('each event is passed on', () => {
  const { log, told } = rig()
  log.event('service.ready')
  log.event('transfer.started', { tries: 0 })
  expect(told).toEqual(['service.ready', 'transfer.started'])
})

test('from the publish to the start and to the arrival, of what the stream told of', async () => {
  const { log, series, pass } = rig()
  log.heard({ project: 'prj', representationId: 'known', appeared: true })
  log.heard({ project: 'prj', representationId: 'changed' })
  pass(40)
  for (const id of ['known', 'changed']) log.event('transfer.started', of(id))
  pass(460)
  for (const id of ['known', 'changed']) log.event('transfer.succeeded', of(id))
  log.event('transfer.started', { ...of('known'), tries: 1 })
  expect(await series('publish_to_start_seconds_sum')).toEqual(['site_sync_publish_to_start_seconds_sum{site="nas"} 0.04'])
  expect(await series('publish_to_start_seconds_count')).toEqual(['site_sync_publish_to_start_seconds_count{site="nas"} 1'])
  expect(await series('publish_to_synced_seconds_sum')).toEqual(['site_sync_publish_to_synced_seconds_sum{site="nas"} 0.5'])
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

test('what regular scans find counts, not what others find', async () => {
  const { log, series } = rig()
  log.event('scan.finished', { durationMs: 20, extra: { reason: 'start', transfers: 500 } })
  log.event('scan.finished', { durationMs: 30, extra: { reason: 'interval', transfers: 2 } })
  expect(await series('found_by_scan_total')).toEqual(['site_sync_found_by_scan_total 2'])
  expect(await series('scan_duration_seconds_count')).toEqual(['site_sync_scan_duration_seconds_count 2'])
})

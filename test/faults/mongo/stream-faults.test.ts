import { expect, onTestFinished, test } from 'vitest'

import type { StreamEvent } from '../../../src/streams/stream-event.ts'
import { STREAM_TIMING, watchChanges } from '../../../src/streams/change-stream.ts'
import { connect } from '../../../src/streams/connect.ts'
import { tokenStore } from '../../../src/streams/resume-token.ts'
import { failCommand } from '../../support/fail-command.ts'
import { ownSet } from '../../support/own-set.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import type { Stage } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const own = ownSet({ enableTestCommands: true })

const QUIET = { settings: { loopDelaySeconds: 3_600 } }
const UNKNOWN_ERROR = 8
const INVALID_OPTIONS = 72

/** The stream alone, with what it says; short of patience. */
function watching(stage: Stage): StreamEvent[] {
  const connections = connect(stage.uri)
  const events: StreamEvent[] = []
  const timing = { ...STREAM_TIMING, awaitMs: 50, backoffMs: [5, 20], remindMs: [200, 400] } as const
  const tokens = tokenStore(connections.work.db(stage.state.databaseName), stage.db.databaseName)
  const { events$, finished } = watchChanges(connections.stream.db(stage.db.databaseName), tokens, timing)
  const subscription = events$.subscribe((event) => events.push(event))
  onTestFinished(async () => {
    subscription.unsubscribe()
    await finished
    await connections[Symbol.asyncDispose]()
  })
  return events
}

const kinds = (events: readonly StreamEvent[]) => events.map(({ kind }) => kind)

test('it fails again and again at one place: it goes on behind it, with a scan, and says why', async () => {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  await stage.settle(running)
  const scans = running.lines.count('scan.finished')
  // Each opening is good; what comes then fails.
  const off = await failCommand(own.client, { commands: ['getMore'], failure: UNKNOWN_ERROR })
  const leaving = () => running.lines.of('stream.lost').filter(({ site_sync: fields }) => fields?.['history_lost'] === true)
  await waitFor('it to leave the place', () => leaving().length > 0, { seen: () => running.lines.summary() })
  await off()
  await running.lines.until('stream.opened', 2)
  await stage.synced(await stage.publish('behind.ma'))
  expect(running.lines.of('stream.lost')[0]?.site_sync).toMatchObject({ history_lost: false })
  expect(leaving()).toHaveLength(1)
  expect(leaving()[0]?.message).toMatch(/failCommand.*again and again at the same place/)
  expect(running.lines.count('scan.finished')).toBeGreaterThan(scans)
  await running.stop()
})

test('a fault that stays is told again, with its cause, at growing intervals; what opens and breaks at once is no news', async () => {
  const stage = await own.stage()
  const events = watching(stage)
  await waitFor('the stream', () => events.length > 0)
  const off = await failCommand(own.client, { commands: ['getMore'], failure: UNKNOWN_ERROR })
  await waitFor('reminders', () => events.filter(({ kind }) => kind === 'lost').length >= 6, { seen: () => kinds(events) })
  await off()
  const said = [...events]
  await waitFor('the stream', () => ['opened', 'resumed'].includes(String(events.at(-1)?.kind)), { seen: () => kinds(events) })
  const reasons = said.flatMap((event) => (event.kind === 'lost' ? [event.reason] : []))
  for (const reason of reasons) expect(reason).toContain('failCommand')
  expect(said.filter(({ kind }) => kind === 'opened' || kind === 'resumed').length).toBeLessThanOrEqual(3)
})

test('it can never be opened: ready all the same, the first scan is done, status says why, and scans carry the work', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 1 } })
  const before = await stage.publish('before.ma', { name: 'mirror' })
  onTestFinished(await failCommand(own.client, { commands: ['aggregate'], failure: INVALID_OPTIONS }))
  const config = await writeConfig(stage, { general: { loop_delay: 1 } })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready', 1, { withinMs: 10_000 })
  await stage.synced(before, { site: 'mirror' })
  await stage.synced(await stage.publish('after.ma', { name: 'mirror' }), { site: 'mirror' })
  expect(service.lines.of('stream.opened', 'stream.resumed', 'service.unexpected')).toEqual([])
  expect(service.lines.of('stream.lost')[0]).toMatchObject({
    'log.level': 'warn',
    message: expect.stringContaining('failCommand') as string,
  })
  const status = new ServiceProcess(['status', '--config', config])
  expect([await status.end(), status.stderr]).toEqual([0, ''])
  expect(status.stdout).toMatch(/change stream lost: .*failCommand/)
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
}, 40_000)

test('the server does not answer the opening: nobody waits for it, and when it opens after all a scan finds what came meanwhile', async () => {
  const stage = await own.stage(QUIET)
  const before = await stage.publish('before.ma')
  const admin = own.client.db('admin')
  const data = { failCommands: ['aggregate'], appName: 'site-sync', blockConnection: true, blockTimeMS: 4_000 }
  await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  onTestFinished(async () => void (await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })))
  const running = await stage.start()
  await stage.synced(before)
  expect(running.lines.of('stream.opened', 'stream.resumed')).toEqual([])
  const meanwhile = await stage.publish('meanwhile.ma')
  await stage.synced(meanwhile)
  await running.lines.until('stream.opened')
  await stage.settle(running)
  expect(running.lines.of('scan.finished').map(({ site_sync: fields }) => fields?.['reason'])).toEqual(['start', 'stream'])
  expect(stage.spy().uploads.filter((path) => !path.includes('fence'))).toHaveLength(2)
  await running.stop()
})

test('an ordinary start scans once', async () => {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  await stage.settle(running)
  expect(running.lines.of('scan.finished').map(({ site_sync: fields }) => fields?.['reason'])).toEqual(['start'])
  await running.stop()
})

test('the place in the stream can not be read: told, and a fresh stream is opened', async () => {
  const stage = await own.stage(QUIET)
  onTestFinished(await failCommand(own.client, { commands: ['find'], failure: 13, namespace: `${stage.state.databaseName}.resume_tokens` }))
  const running = await stage.start()
  await running.lines.until('stream.opened')
  await stage.settle(running)
  expect(running.lines.of('stream.lost')).toHaveLength(1)
  await running.stop()
})

test.each([
  'readConcernLevel=local',
  'readConcernLevel=available',
  'w=0',
  'readPreference=secondary',
  'minPoolSize=50',
  'retryReads=false',
])(
  '%s in the address: a warning that names it, and the stream opens all the same',
  async (option) => {
    const stage = await own.stage()
    const uri = `${own.set.uri}${own.set.uri.includes('?') ? '&' : '?'}${option}`
    const { database, stateDatabase } = stage.settings.mongo
    const config = await writeConfig(stage, { general: { mongo: { database, state_database: stateDatabase } } })
    const service = new ServiceProcess(['run', '--config', config], { AVALON_MONGO: uri })
    await service.lines.until('stream.opened')
    const document = await stage.publish('a.ma', { name: 'mirror' })
    await stage.synced(document, { site: 'mirror' })
    const [name = ''] = option.split('=')
    const warnings = service.lines.of('config.warning').map(({ message }) => message)
    expect(warnings.filter((message) => message.includes('AVALON_MONGO') && message.includes(name))).toHaveLength(1)
    service.signal('SIGTERM')
    expect([await service.end(), service.stderr]).toEqual([0, ''])
  },
  40_000,
)

import { expect, onTestFinished, test } from 'vitest'

import { failCommand, type ServerFailure } from '../../support/fail-command.ts'
import { ownSet } from '../../support/own-set.ts'
import { wanted, type Representation } from '../../support/published.ts'
import type { Running, Stage } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const own = ownSet({ enableTestCommands: true })

const COMMANDS = ['getMore', 'aggregate', 'find', 'findAndModify', 'update', 'delete'] as const
/**
 * PrimarySteppedDown, ShutdownInProgress, CursorNotFound, MaxTimeMSExpired, InterruptedAtShutdown, StaleConfig, HostUnreachable,
 * NetworkTimeout, NotWritablePrimary, and a connection that ends.
 */
const FAILURES: readonly ServerFailure[] = [189, 91, 43, 50, 11_600, 13_388, 6, 89, 10_107, 'closeConnection']
/** The driver tries some commands twice: more than it makes good by itself. */
const TIMES = 3

/** Lines that an operator sees by default. */
const shown = ({ lines }: Running) => lines.lines.filter((line) => line['log.level'] !== 'debug')

function expectUndisturbed(stage: Stage, running: Running, documents: readonly Representation[]): void {
  const uploads = stage.spy().uploads.filter((path) => !path.includes('fence'))
  expect(new Set(uploads).size).toBe(documents.length)
  // One whose permit could not be asked for was begun, and nothing of it was to be seen.
  const started = running.lines.of('transfer.started').filter(({ site_sync: fields }) => !String(fields?.['path']).includes('fence'))
  expect(started).toHaveLength(documents.length)
  expect(running.lines.of('transfer.failed', 'transfer.exhausted', 'site.cooling', 'site.misconfigured', 'service.failed')).toEqual([])
}

test.each(COMMANDS)(
  '%s fails, with each error, three times: the next publish goes through, once, and no try is spent',
  async (command) => {
    const stage = await own.stage({ settings: { loopDelaySeconds: 3_600 } })
    const running = await stage.start()
    const documents: Representation[] = []
    for (const failure of FAILURES) {
      const off = await failCommand(own.client, { commands: [command], failure, times: TIMES })
      const document = await stage.publish(`${command}/${failure}`)
      documents.push(document)
      expect(await stage.synced(document)).not.toHaveProperty('tries')
      await off()
    }
    await stage.settle(running)
    await running.stop()
    expectUndisturbed(stage, running, documents)
  },
  60_000,
)

test.each([
  // One lease is taken by `findAndModify`, several by `insert`, and by `update` where there was one before.
  ['no lease can be taken', ['findAndModify', 'insert', 'update'], 91, 'leases'],
  ['no lease may be taken', ['findAndModify', 'insert', 'update'], 13, 'leases'],
  ['no document can be read', ['find'], 11_600, undefined],
] as const)(
  '%s, with 60 publishes waiting: told in a few lines, and all go, each once, when it is over',
  async (_what, commands, failure, collection) => {
    const stage = await own.stage({ settings: { loopDelaySeconds: 1 } })
    const running = await stage.start()
    const before = shown(running).length
    const since = performance.now()
    const namespace = collection && `${stage.state.databaseName}.${collection}`
    const off = await failCommand(own.client, { commands, failure, ...(namespace !== undefined && { namespace }) })
    const documents: Representation[] = []
    for (let n = 0; n < 60; n++) documents.push(await stage.publish(`${n}`))
    await running.lines.until('database.lost')
    await waitFor('some seconds of it', () => performance.now() - since > 4_000)
    const seconds = (performance.now() - since) / 1_000
    const told = shown(running).slice(before)
    const regular = told.filter(({ event }) => event.action === 'scan.finished' || event.action === 'database.index').length
    expect(told.length - regular).toBeLessThan(seconds)
    // As many as there are slots have begun; nobody sees anything of them.
    expect(stage.spy().uploads.length).toBeLessThanOrEqual(4)
    expect(stage.spy().store.paths()).toEqual([])
    expect(running.lines.of('transfer.started')).toEqual([])
    await off()
    for (const document of documents) await stage.synced(document)
    await running.lines.until('database.recovered')
    expect(running.lines.count('database.lost')).toBe(1)
    await running.stop()
    expectUndisturbed(stage, running, documents)
  },
)

test('leases of several can not be inserted, with each error, three times: all go, each once, and no try is spent', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  const documents: Representation[] = []
  /** Since the server started, as it says when the failing is switched off. */
  const failed = async (): Promise<number> =>
    Number((await own.client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' }))['count'])
  for (const failure of FAILURES) {
    const before = await failed()
    const namespace = `${stage.state.databaseName}.leases`
    // What comes together may be one insert, or several.
    for (let left = TIMES, round = 0; left > 0; left = before + TIMES - (await failed()), round++) {
      await failCommand(own.client, { commands: ['insert'], failure, namespace, times: left })
      const paths = Array.from({ length: 12 }, (_, n) => `${failure}/${round}/${n}`)
      for (const path of paths) await stage.file(path)
      const some = paths.map((path) => wanted(`{root[work]}/${path}`))
      await stage.insert(...some)
      for (const document of some) expect(await stage.synced(document)).not.toHaveProperty('tries')
      documents.push(...some)
    }
    expect(await failed()).toBe(before + TIMES)
  }
  await stage.settle(running)
  await running.stop()
  expectUndisturbed(stage, running, documents)
}, 60_000)

test('what sites remember can not be read when the service starts: no site is left out, and no try is spent', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 3_600 } })
  const document = await stage.publish('a.ma')
  const off = await failCommand(own.client, { commands: ['find'], failure: 91, namespace: 'site_sync.roots', times: TIMES })
  const running = await stage.start()
  expect(await stage.synced(document)).not.toHaveProperty('tries')
  await off()
  await running.stop()
  expectUndisturbed(stage, running, [document])
})

test('the user may not watch changes: one warning that says so, and scans alone find the work', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 0.3 } })
  const off = await failCommand(own.client, { commands: ['aggregate'], failure: 13 })
  onTestFinished(off)
  const running = await stage.start()
  const documents = [await stage.publish('a.ma'), await stage.publish('b.ma')]
  for (const document of documents) await stage.synced(document)
  await running.lines.scanned(2)
  const warnings = running.lines.of('stream.unavailable', 'stream.lost')
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatchObject({
    'log.level': 'warn',
    message: expect.stringMatching(/no change stream here .*scans alone/) as string,
  })
  await running.stop()
  expectUndisturbed(stage, running, documents)
})

test('one project may not be read: scans serve the others all the same, and say so once', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 0.3 } })
  const documents = [await stage.publish('a.ma'), await stage.publish('b.ma')]
  await stage.project('aaa').insertOne(wanted('{root[work]}/forbidden.ma'))
  onTestFinished(await failCommand(own.client, { commands: ['find'], failure: 13, namespace: `${stage.db.databaseName}.aaa` }))
  const running = await stage.start()
  for (const document of documents) await stage.synced(document)
  await running.lines.until('scan.failed', 3)
  expect(running.lines.of('scan.failed').map((line) => line['log.level'])).toEqual(
    running.lines.of('scan.failed').map((_, n) => (n === 0 ? 'warn' : 'debug')),
  )
  expect(running.lines.count('service.unexpected', 'database.lost')).toBe(0)
  await running.stop()
})

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

import { describe, expect, onTestFinished, test } from 'vitest'

import { StatusLook } from '../../src/commands/live-status/look.ts'
import { openInspection } from '../../src/service/inspection.ts'
import { pageLink } from '../../src/service/page-link.ts'
import { connect } from '../../src/streams/connect.ts'
import { freePort } from '../../replica-set-dev/free-port.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { environment, MAIN, ServiceProcess, writeConfig } from '../support/service-process.ts'
import { hasTool } from '../support/tool-check.ts'
import { waitFor } from '../support/wait-for.ts'

const HAS_SCRIPT = hasTool('script', () => spawnSync('script', ['--version']).status === 0, 'apt-get install bsdutils')
const ESC = '\u001b'

/** The program on a terminal of 50 columns and 20 rows. */
function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qefc', `stty cols 50 rows 20; exec ${words}`, '/dev/null'], {
    env: environment({ TERM: 'xterm', ...env }),
  })
  const seen = { text: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.text += text))
  const ended = once(child, 'close').then(([code]) => code as number)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { seen, ended, press: (key: string) => child.stdin.write(key) }
}

async function published(): Promise<{ stage: Stage; config: string; id: string }> {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const document = representation([entry('{root[work]}/a.ma', inArray({ name: 'mirror', tries: 3, error: 'the quota is used up' }))])
  await stage.insert(document)
  return { stage, config, id: document._id.toString() }
}

describe.skipIf(!HAS_SCRIPT)('status on a terminal', () => {
  test.each(['q', '\u0003'])('is redrawn in place until %j, and leaves the terminal as it was', { timeout: 60_000 }, async (key) => {
    const { stage, config } = await published()
    const { seen, ended, press } = onTerminal(['status', '--config', config])
    await waitFor('the first picture', () => seen.text.includes('the quota is used up') || seen.text.includes('Newest errors'), {
      seen: () => seen.text,
    })
    await stage.project().updateMany({}, { $set: { 'files.0.sites.1.tries': 0 }, $unset: { 'files.0.sites.1.error': 1 } })
    await waitFor('what changed', () => seen.text.includes(`1 waiting`), { withinMs: 20_000, seen: () => seen.text })
    press(key)
    expect(await ended).toBe(0)
    expect(seen.text.startsWith(`${ESC}[?1049h`)).toBe(true)
    expect(seen.text.trimEnd().endsWith(`${ESC}[?1049l`)).toBe(true)
    expect(seen.text.split(`${ESC}[2J`)).toHaveLength(2)
    // oxlint-disable-next-line no-control-regex
    expect(seen.text).toMatch(/\u001b\[\d+m/)
  })

  test('without colours where NO_COLOR is set', { timeout: 60_000 }, async () => {
    const { config } = await published()
    const { seen, ended, press } = onTerminal(['status', '--config', config], { NO_COLOR: '1' })
    await waitFor('the first picture', () => seen.text.includes('Newest errors'), { seen: () => seen.text })
    press('q')
    expect(await ended).toBe(0)
    // oxlint-disable-next-line no-control-regex
    expect(seen.text).not.toMatch(/\u001b\[\d+m/)
  })

  test.each([['--once'], ['--json']])('%s prints once', { timeout: 60_000 }, async (option) => {
    const { config } = await published()
    const { seen, ended } = onTerminal(['status', option, '--config', config])
    expect(await ended).toBe(0)
    expect(seen.text).not.toContain(ESC)
    expect(seen.text).toContain('mirror')
  })
})

test('who looks on at a terminal sees how far a transfer is within seconds, though there is no page', { timeout: 60_000 }, async () => {
  // Leases, which tell as well, are renewed every three minutes.
  const stage = await Stage.open({ settings: { leaseSeconds: 600 } })
  const stops = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  const spy = stage.spy()
  spy.chunkBytes = 1_000
  spy.gate = async (call) => {
    if (call.verb === 'chunk' && call.bytes === 1_000) await stops[0].promise
    if (call.verb === 'chunk' && call.bytes === 3_000) await stops[1].promise
  }
  const running = await stage.start()
  await stage.file('large.exr', Buffer.alloc(4_000))
  const document = representation([entry('{root[work]}/large.exr', inArray('gdrive'))])
  await stage.insert(document)
  await running.lines.until('transfer.started')
  await using connections = connect(stage.settings.mongo.uri)
  await connections.open()
  const inspection = await openInspection({ settings: stage.settings, connections, openProvider: async (site) => spy.open(site) })
  await using _ = inspection.providers
  const look = new StatusLook(inspection, undefined)
  const bytes = async () => (await look.look(new AbortController().signal)).running.map((each) => each.bytes)
  await waitFor('the first piece', async () => (await bytes()).join() === '1000', { withinMs: 10_000, seen: bytes })
  stops[0].resolve()
  await waitFor('three pieces', async () => (await bytes()).join() === '3000', { withinMs: 10_000, seen: bytes })
  // No lease has told of it.
  expect(await stage.state.collection('leases').countDocuments({ 'progress.bytes': { $gt: 0 } })).toBe(0)
  stops[1].resolve()
  await stage.synced(document)
  // Nobody looks any more, and instances say less again.
  await stage.state.collection('controls').updateMany({ kind: 'watch' }, { $set: { until: new Date(0) } })
  await waitFor('silence', async () => (await stage.state.collection('instances').countDocuments({ running: { $exists: true } })) === 0, {
    withinMs: 10_000,
  })
  await running.stop()
})

test('status, explain and doctor lead to the page of an instance that runs', { timeout: 90_000 }, async () => {
  const { stage, id } = await published()
  const port = await freePort()
  const config = await writeConfig(stage, { general: { http: { enabled: true, port } } })
  const said = async (...args: readonly string[]) => {
    const process = new ServiceProcess([...args, '--config', config])
    await process.end()
    return process.stdout
  }
  const address = `http://127.0.0.1:${port}/`
  expect(await said('explain', id)).not.toContain(address)
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('http.listening', 1, { withinMs: 30_000 })
  await waitFor('the announcement', async () => (await stage.state.collection('instances').countDocuments({ page: address })) === 1)
  const link = pageLink([{ host: 'x', page: address }], { project: 'prj', id })?.url ?? ''
  expect(await said('explain', id)).toContain(`on the page: ${link}`)
  expect(JSON.parse(await said('explain', id, '--json'))).toMatchObject({ page: link })
  expect(await said('status')).toContain(`Page: ${address}\n`)
  expect(await said('doctor')).toMatch(new RegExp(`pass +page +${address}`))
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect(await said('status')).not.toContain(address)
})

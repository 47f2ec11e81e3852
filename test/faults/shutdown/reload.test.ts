import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { freePort } from '../../../replica-set-dev/free-port.ts'
import { startFakeDrive, type FakeDrive } from '../../support/fake-drive/fake-drive.ts'
import { entry, inArray, representation, T0, wanted, type Representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig, type ConfigOptions } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

async function openDrive(): Promise<FakeDrive> {
  const drive = await startFakeDrive()
  onTestFinished(async () => await drive.close())
  drive.addFolder('w')
  return drive
}

async function publishFor(stage: Stage, path: string, ...sites: readonly (string | { readonly name: string })[]): Promise<Representation> {
  await stage.file(path)
  const document = representation([entry(`{root[work]}/${path}`, inArray(...sites))])
  await stage.insert(document)
  return document
}

async function started(stage: Stage, options: ConfigOptions): Promise<ServiceProcess> {
  const service = new ServiceProcess(['run', '--config', await writeConfig(stage, options)])
  await service.lines.until('service.ready')
  return service
}

async function ended(service: ServiceProcess): Promise<void> {
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect([service.stderr, service.fault, service.lines.unpaired()]).toEqual(['', undefined, []])
}

async function answers(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined)
  return answer?.status === 200
}

test.each(['SIGHUP', 'a changed file'] as const)(
  '%s: what runs is not disturbed; another site, another limit and more tries are in effect at once',
  async (how) => {
    const stage = await Stage.open()
    const drive = await openDrive()
    const gdrive = {
      provider: 'gdrive',
      root: { work: '/My Drive/w' },
      credentials_url: await drive.writeCredentials(stage.dir),
      api_endpoint: drive.endpoint,
      concurrency: 1,
    }
    const general = { remote_site: 'gdrive', loop_delay: 3_600 }
    const mirror = { provider: 'local_drive', root: { work: join(stage.dir, 'mirror') } }
    const service = await started(stage, { general: { ...general, retry_cnt: 3 }, sites: { gdrive, mirror } })
    drive.settings.latencyMs = 0
    drive.fault({ on: ['upload.multipart', 'upload.start'], effect: { kind: 'delay', milliseconds: 12_000 } })
    const slow = await publishFor(stage, 'slow.ma', 'gdrive')
    await waitFor('the upload', () => drive.journal.count('upload.multipart', 'upload.start') === 1)
    await stage.file('failed.ma')
    const failed = wanted('{root[work]}/failed.ma', { name: 'gdrive', tries: 3, error: 'boom', last_failed_dt: T0 })
    await stage.insert(failed)
    const elsewhere = await publishFor(stage, 'elsewhere.ma', 'added')
    const added = { provider: 'local_drive', root: { work: join(stage.dir, 'added') }, always_accessible: true }
    await writeConfig(stage, { general: { ...general, retry_cnt: 5 }, sites: { gdrive: { ...gdrive, concurrency: 3 }, mirror, added } })
    if (how === 'SIGHUP') service.signal('SIGHUP')
    await service.lines.until('config.reloaded')
    // More than one at once now, while the first is still on its way.
    await stage.synced(failed, { site: 'gdrive' })
    await stage.synced(elsewhere, { site: 'added' })
    expect(await readFile(join(stage.dir, 'added/elsewhere.ma'), 'utf8')).toBe('elsewhere.ma')
    expect(await stage.record(slow, { site: 'gdrive' })).not.toHaveProperty('created_dt')
    await stage.synced(slow, { site: 'gdrive', withinMs: 30_000 })
    expect(drive.files()).toHaveLength(2)
    expect(service.lines.of('transfer.released', 'transfer.failed', 'transfer.dropped', 'service.stopping')).toEqual([])
    expect([service.lines.count('config.reloaded'), service.lines.count('transfer.started')]).toEqual([1, 3])
    await ended(service)
  },
  60_000,
)

test.each([
  ['no JSON at all', '{ "sites": '],
  ['mistakes', JSON.stringify({ publish_site: 'nobody', remote_site: 7 })],
])('a wrong configuration (%s) is told and not taken; the right one after it is', async (_what, wrong) => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const right = await readFile(config, 'utf8')
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  await writeFile(config, wrong)
  service.signal('SIGHUP')
  const rejected = await service.lines.until('config.rejected')
  expect(rejected).toMatchObject({ 'log.level': 'error', message: expect.stringContaining('the former configuration goes on') as string })
  await stage.synced(await publishFor(stage, 'meanwhile.ma', 'mirror'), { site: 'mirror' })
  // As editors do it: written beside, then put in its place.
  await writeFile(join(dirname(config), 'config.json.new'), right.replace('"loop_delay": 60', '"loop_delay": 1'))
  await rename(join(dirname(config), 'config.json.new'), config)
  await service.lines.until('config.reloaded')
  await stage.synced(await publishFor(stage, 'after.ma', 'mirror'), { site: 'mirror' })
  await ended(service)
  expect(service.lines.count('service.ready')).toBe(1)
})

test('a file of sites that comes half written into the folder is taken when the rest of it is there', async () => {
  const stage = await Stage.open()
  const folder = dirname(await writeConfig(stage))
  const service = new ServiceProcess(['run', '--config', folder])
  await service.lines.until('service.ready')
  const sites = JSON.stringify({ added: { provider: 'local_drive', root: { work: join(stage.dir, 'added') } } })
  await writeFile(join(folder, 'added.json'), sites.slice(0, 40))
  await service.lines.until('config.rejected')
  // In place: nothing comes to the folder, and nothing goes.
  await writeFile(join(folder, 'added.json'), sites)
  await service.lines.until('config.reloaded')
  await stage.synced(await publishFor(stage, 'after.ma', 'added'), { site: 'added' })
  expect(service.lines.count('service.ready')).toBe(1)
  await ended(service)
})

test('the configuration is gone for a while: told once, and the former goes on; what comes in its place is taken', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  await rename(config, `${config}.away`)
  await service.lines.until('config.rejected')
  service.signal('SIGHUP')
  await service.lines.until('config.rejected', 2)
  await stage.synced(await publishFor(stage, 'meanwhile.ma', 'mirror'), { site: 'mirror' })
  // File and folder are told of by themselves; nothing else is.
  expect(service.lines.count('config.rejected')).toBeLessThanOrEqual(3)
  await writeConfig(stage, { general: { loop_delay: 1 } })
  await service.lines.until('config.reloaded')
  await ended(service)
})

test('a site that was left out is mended without a restart: its credentials come, and what waited for it goes', async () => {
  const stage = await Stage.open()
  const drive = await openDrive()
  const credentials = await drive.writeCredentials(stage.dir)
  await rename(credentials, `${credentials}.later`)
  const gdrive = { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: credentials, api_endpoint: drive.endpoint }
  const service = await started(stage, { general: { remote_site: 'gdrive', loop_delay: 3_600 }, sites: { gdrive } })
  expect(service.lines.count('site.misconfigured')).toBe(1)
  const document = await publishFor(stage, 'a.ma', 'gdrive')
  await rename(`${credentials}.later`, credentials)
  await service.lines.until('config.reloaded')
  expect(await stage.synced(document, { site: 'gdrive' })).not.toHaveProperty('tries')
  expect(service.lines.count('site.misconfigured')).toBe(1)
  await ended(service)
})

test('reloaded again and again while it is under way: the last one counts, and nothing is done twice', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  for (const retryCount of [4, 5, 6]) running.service.reload({ ...stage.settings, retryCount })
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma', { tries: 5, error: 'boom', last_failed_dt: T0 })
  await stage.insert(document)
  running.service.reload({ ...stage.settings, retryCount: 7 })
  await stage.synced(document)
  await running.stop()
  expect(stage.spy().uploads).toHaveLength(1)
  expect(running.lines.of('transfer.failed', 'service.failed')).toEqual([])
})

test(
  '"http" is taken as it changes: on, at another port, off; one that would answer others without a token is not',
  { timeout: 120_000 },
  async () => {
    const stage = await Stage.open()
    const ports = [await freePort(), await freePort()] as const
    const general = { loop_delay: 3_600 }
    const service = await started(stage, { general })
    const change = async (http: object): Promise<void> => void (await writeConfig(stage, { general: { ...general, http } }))
    await change({ enabled: true, port: ports[0] })
    await waitFor('answers', async () => await answers(ports[0]), { withinMs: 20_000 })
    const document = await publishFor(stage, 'a.ma', 'mirror')
    await stage.synced(document, { site: 'mirror' })
    // What a session counts reaches those who are asked now. It is counted once the record is written.
    const metrics = async (): Promise<string> => await (await fetch(`http://127.0.0.1:${ports[0]}/metrics`)).text()
    await expect.poll(metrics, { timeout: 20_000 }).toMatch(/^site_sync_transfers_total\{[^}]*outcome="synced"\} 1$/m)
    await change({ enabled: true, port: ports[1] })
    await waitFor('answers elsewhere', async () => (await answers(ports[1])) && !(await answers(ports[0])), { withinMs: 20_000 })
    await change({ enabled: true, port: ports[1], host: '0.0.0.0', behind_proxy: true })
    await service.lines.until('config.rejected', 1, { withinMs: 20_000 })
    await waitFor('the former', async () => await answers(ports[1]), { withinMs: 20_000 })
    await change({ enabled: false })
    await waitFor('silence', async () => !(await answers(ports[1])), { withinMs: 20_000 })
    await ended(service)
  },
)

import { chmod, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { expect, test } from 'vitest'

import { entry, inArray, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

async function syncs(stage: Stage, path: string): Promise<void> {
  await stage.file(path)
  const document = representation([entry(`{root[work]}/${path}`, inArray('mirror'))])
  await stage.insert(document)
  await stage.synced(document, { site: 'mirror' })
}

async function ended(service: ServiceProcess): Promise<void> {
  service.signal('SIGTERM')
  expect([await service.end(), service.stderr]).toEqual([0, ''])
}

test.skipIf(process.platform === 'win32')('SIGUSR1 opens no inspector, and the service goes on', async () => {
  const stage = await Stage.open()
  const service = new ServiceProcess(['run', '--config', await writeConfig(stage)])
  await service.lines.until('service.ready')
  service.signal('SIGUSR1')
  await syncs(stage, 'a.ma')
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  // Node tells of its inspector there.
  expect(service.stderr).toBe('')
})

test.skipIf(process.platform === 'win32')(
  'files that others can change are told of at start, and by a reload only when it is news',
  async () => {
    const stage = await Stage.open()
    const config = await writeConfig(stage)
    await chmod(config, 0o666)
    const service = new ServiceProcess(['run', '--config', config])
    await service.lines.until('service.ready')
    const told = (): readonly string[] => service.lines.of('config.warning').map(({ message }) => message)
    const first = `${config} says what is sent where, and others can change it (mode 0666): chmod go-w ${config}`
    expect(told()).toEqual([first])
    service.signal('SIGHUP')
    await service.lines.until('config.reloaded')
    expect(told()).toEqual([first])
    await chmod(dirname(config), 0o777)
    service.signal('SIGHUP')
    await service.lines.until('config.reloaded', 2)
    expect(told().slice(1)).toEqual([expect.stringContaining(`chmod go-w ${dirname(config)}`)])
    await ended(service)
  },
)

test('the service takes the address of the database from a file', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const { mongo, ...rest } = JSON.parse(await readFile(config, 'utf8')) as { mongo: { uri: string } }
  const { uri, ...names } = mongo
  await writeFile(config, JSON.stringify({ ...rest, mongo: names }))
  const file = join(stage.dir, 'address')
  await writeFile(file, `${uri}\n`, { mode: 0o600 })
  const service = new ServiceProcess(['run', '--config', config], { SITE_SYNC_MONGO_URI_FILE: file, AVALON_MONGO: 'mongodb://elsewhere' })
  await service.lines.until('service.ready')
  await syncs(stage, 'a.ma')
  expect(service.lines.of('config.warning')).toEqual([])
  await ended(service)
})

test('a file of the address that is not there is a mistake that names the variable', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { general: { mongo: {} } })
  const service = new ServiceProcess(['run', '--config', config], { SITE_SYNC_MONGO_URI_FILE: '/nowhere/address' })
  expect(await service.end()).toBe(2)
  expect(service.stderr).toContain(`environment SITE_SYNC_MONGO_URI_FILE is "/nowhere/address": a file that holds the address`)
})

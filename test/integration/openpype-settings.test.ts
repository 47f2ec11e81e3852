import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { ObjectId } from 'mongodb'
import { describe, expect, test } from 'vitest'

import { loadSettings } from '../../src/config/load-settings.ts'
import { entry, inArray, representation, type Representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { ServiceProcess } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const perSystem = (path: string) => ({ windows: path, darwin: path, linux: path })

interface Production {
  readonly stage: Stage
  readonly folder: string
}

/** A production with OpenPype's settings, exported as mongoexport does, and nothing else but where the database is. */
async function production(sites: Readonly<Record<'system' | 'project', object>> = { system: {}, project: {} }): Promise<Production> {
  const stage = await Stage.open()
  const folder = join(stage.dir, 'config')
  await mkdir(folder)
  const system = {
    _id: { $oid: new ObjectId().toHexString() },
    type: 'system_settings_versioned',
    version: '3.18.12',
    data: {
      modules: {
        sync_server: {
          enabled: true,
          sites: { nas: { provider: 'local_drive', alternative_sites: [] }, ...sites.system },
          __overriden_keys__: ['sites'],
        },
      },
    },
  }
  const project = {
    _id: { $oid: new ObjectId().toHexString() },
    type: 'project_settings_versioned',
    version: '3.18.12',
    is_default: false,
    project_name: PROJECT,
    data: {
      global: {
        sync_server: {
          enabled: true,
          config: { remote_site: 'nas', __overriden_keys__: ['remote_site'] },
          sites: { nas: { enabled: true, root: { work: perSystem(join(stage.dir, 'nas')) } }, ...sites.project },
        },
      },
    },
  }
  const { uri, database, stateDatabase } = stage.settings.mongo
  await write(folder, 'system.json', system)
  await write(folder, 'project.json', project)
  await write(folder, 'config.json', { mongo: { uri, database, state_database: stateDatabase } })
  return { stage, folder }
}

async function write(folder: string, name: string, content: object): Promise<void> {
  await writeFile(join(folder, name), JSON.stringify(content))
}

/** As OpenPype makes it; its roots are those of the studio. */
async function putProject(stage: Stage, root: string, project = PROJECT): Promise<void> {
  const roots = { work: { ...perSystem('/not/here'), [systemName()]: root } }
  await stage.db.collection(project).insertOne({ type: 'project', name: project, data: {}, config: { apps: [], roots } })
}

function systemName(): string {
  if (process.platform === 'win32') return 'windows'
  return process.platform === 'darwin' ? 'darwin' : 'linux'
}

/** Its `context.root` is another machine's. */
async function publish(stage: Stage, path: string, site = 'nas'): Promise<Representation> {
  const document = representation([entry(`{root[work]}/${path}`, inArray(site))], { context: { root: { work: 'P:/elsewhere' } } })
  await stage.insert(document)
  return document
}

/** The service in this process, under the same files. */
const open = async () => {
  const { stage, folder } = await production()
  const { settings } = await loadSettings(folder, {})
  return { stage, start: async (more: object = {}) => stage.start({ settings: { ...settings, ...more } }) }
}

describe("OpenPype's settings as they are stored", () => {
  test('a publish reaches the nas, from the roots of the project document', async () => {
    const { stage, folder } = await production()
    await putProject(stage, stage.studioPath(''))
    const service = new ServiceProcess(['run', '--config', folder])
    await service.lines.until('service.ready', 1, { withinMs: 30_000 })
    await stage.file('shot/a.ma', 'bytes of a')
    const document = await publish(stage, 'shot/a.ma')
    await stage.synced(document, { site: 'nas' })
    expect(await readFile(join(stage.dir, 'nas/shot/a.ma'), 'utf8')).toBe('bytes of a')
    expect(service.lines.of('config.warning')).toEqual([])
    service.signal('SIGTERM')
    expect(await service.end()).toBe(0)
    expect(service.fault).toBeUndefined()
  })

  test('a site that the system settings do not know is named once and left out; the others go on', async () => {
    const { stage, folder } = await production({ system: {}, project: { sftp: { enabled: true, root: { work: '/w' } } } })
    await putProject(stage, stage.studioPath(''))
    await stage.file('a.ma')
    const document = representation([entry('{root[work]}/a.ma', inArray('nas', 'sftp'))])
    await stage.insert(document)
    const scan = new ServiceProcess(['scan', '--once', '--config', folder])
    await scan.end(30_000)
    await stage.synced(document, { site: 'nas' })
    expect(await stage.record(document, { site: 'sftp' })).toEqual({ name: 'sftp' })
    const told = scan.lines.of('site.misconfigured')
    expect(told.map(({ site_sync: fields }) => fields?.site)).toEqual(['sftp'])
    expect(told[0]?.message).toContain('system.json: data.modules.sync_server.sites.sftp.provider')
  })

  test('accept-root knows the roots of the project documents', async () => {
    const { stage, folder } = await production()
    await putProject(stage, stage.studioPath(''))
    const accept = new ServiceProcess(['accept-root', 'studio', '--json', '--dry-run', '--config', folder])
    expect(await accept.end()).toBe(0)
    expect(JSON.parse(accept.stdout)).toMatchObject({ site: 'studio', roots: [stage.studioPath('')] })
  })

  test('explain says where the file comes from', async () => {
    const { stage, folder } = await production()
    await putProject(stage, stage.studioPath(''))
    await stage.file('a.ma')
    const { _id } = await publish(stage, 'a.ma')
    const explain = new ServiceProcess(['explain', _id.toHexString(), '--config', folder])
    expect(await explain.end()).toBe(0)
    expect(explain.stdout).toContain(`${stage.studioPath('a.ma')} → ${join(stage.dir, 'nas/a.ma')}`)
  })
})

describe('the roots in a project document', () => {
  test('are read anew when it changes', async () => {
    const { stage, start } = await open()
    await putProject(stage, '/not/yet')
    const running = await start()
    await stage.file('a.ma')
    const failed = await publish(stage, 'a.ma')
    const { error } = await stage.until(failed, 'an error', ({ tries }) => tries === 1, { site: 'nas' })
    expect(error).toContain('/not/yet')
    await stage.db
      .collection(PROJECT)
      .updateOne({ type: 'project' }, { $set: { [`config.roots.work.${systemName()}`]: stage.studioPath('') } })
    await waitFor('a publish from the new root', async () => {
      const document = await publish(stage, 'a.ma')
      const is = await stage.until(document, 'an end', (record) => 'tries' in record || 'created_dt' in record, { site: 'nas' })
      return is['created_dt'] instanceof Date
    })
    await running.stop()
  })

  test('are read with each regular scan, however they changed', async () => {
    const { stage, start } = await open()
    await stage.file('a.ma')
    const document = await publish(stage, 'a.ma')
    const running = await start({ loopDelaySeconds: 0.2, retryCount: 1_000 })
    await stage.until(document, 'an error', ({ tries }) => Number(tries) >= 1, { site: 'nas' })
    await putProject(stage, stage.studioPath(''))
    expect(await stage.synced(document, { site: 'nas' })).not.toHaveProperty('error')
    await running.stop()
  })

  test("are each project's own, and those of a project that is new are there in time", async () => {
    const { stage, start } = await open()
    const projects = { include: ['*'], exclude: [], overrides: new Map() }
    await putProject(stage, stage.studioPath('', 'one'))
    await stage.file('a.ma', 'one', 'one')
    await stage.file('b.ma', 'two', 'two')
    const running = await start({ projects })
    const first = await publish(stage, 'a.ma')
    await stage.synced(first, { site: 'nas' })
    await putProject(stage, stage.studioPath('', 'two'), 'another')
    const second = representation([entry('{root[work]}/b.ma', inArray('nas'))])
    await stage.project('another').insertOne(second)
    await stage.synced(second, { site: 'nas', project: 'another' })
    expect(running.lines.count('transfer.failed')).toBe(0)
    await running.stop()
  })

  test('are missing for this system: what the representation says serves, else the error names every place', async () => {
    const { stage, start } = await open()
    await stage.db.collection(PROJECT).insertOne({ type: 'project', name: PROJECT, config: { roots: { work: { amiga: 'x:' } } } })
    await stage.file('a.ma')
    const running = await start()
    const served = representation([entry('{root[work]}/a.ma', inArray('nas'))], { context: { root: { work: stage.studioPath('') } } })
    const none = representation([entry('{root[work]}/b.ma', inArray('nas'))])
    await stage.insert(served, none)
    await stage.synced(served, { site: 'nas' })
    const { error } = await stage.until(none, 'an error', ({ tries }) => tries === 1, { site: 'nas' })
    expect(error).toContain('nor config.roots for this system in the project document nor context.root')
    await running.stop()
  })
})

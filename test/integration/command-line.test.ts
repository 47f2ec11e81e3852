import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { BSON, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, inObject, representation, T0, wanted, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

async function run(...args: readonly string[]): Promise<ServiceProcess & { readonly code: number | NodeJS.Signals }> {
  const process = new ServiceProcess(args)
  return Object.assign(process, { code: await process.end() })
}

async function published(stage: Stage, path: string, sites: unknown = inArray('mirror')): Promise<Representation> {
  await stage.file(path)
  const document = representation([entry(`{root[work]}/${path}`, sites)])
  await stage.insert(document)
  return document
}

test('scan: 0 when everything pending was synced, also when that is nothing; each file once', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const documents = [
    await published(stage, 'a.ma'),
    await published(stage, 'b.ma', inObject({ mirror: { tries: 2, error: 'e', last_failed_dt: T0 } })),
  ]
  const first = await run('scan', '--once', '--config', config)
  expect(first.code).toBe(0)
  expect(first.lines.count('transfer.succeeded')).toBe(2)
  for (const document of documents) expect(await stage.record(document, { site: 'mirror' })).toHaveProperty('created_dt')
  expect(first.lines.unpaired()).toEqual([])
  const second = await run('scan', '--config', config)
  expect(second.code).toBe(0)
  expect(second.lines.count('transfer.started')).toBe(0)
  expect(second.fault ?? first.fault).toBeUndefined()
})

test('scan: 1 when a file failed, with the others done', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const good = await published(stage, 'a.ma')
  const bad = await published(stage, 'b.ma')
  await rm(stage.studioPath('b.ma'))
  const scan = await run('scan', '--config', config)
  expect(scan.code).toBe(1)
  expect(await stage.record(good, { site: 'mirror' })).toHaveProperty('created_dt')
  expect(await stage.record(bad, { site: 'mirror' })).toMatchObject({ tries: 1 })
})

test('scan: 1 when a site is in trouble; its work is left, without a try', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { sites: { nas: { provider: 'local_drive', root: { work: join(stage.dir, 'nas') } } } })
  await published(stage, 'first.ma')
  expect((await run('scan', '--config', config)).code).toBe(0)
  // A root that was in use and is gone is a disk that is not mounted.
  await rm(join(stage.dir, 'mirror'), { recursive: true })
  const document = await published(stage, 'a.ma', inArray('mirror', 'nas'))
  const scan = await run('scan', '--config', config)
  expect(scan.code).toBe(1)
  expect(await stage.record(document, { site: 'nas' })).toHaveProperty('created_dt')
  expect(await stage.record(document, { site: 'mirror' })).not.toHaveProperty('tries')
  expect(scan.lines.of('site.cooling')[0]?.site_sync?.site).toBe('mirror')
  expect(scan.lines.unpaired()).toEqual([])
})

test('status: what is synced, pending, failed, exhausted and paused; in words and as JSON', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { sites: { bad: { provider: 'dropbox9', root: '/x' } } })
  await stage.insert(
    wanted('{root[work]}/other-site'),
    representation([
      entry('{root[work]}/pending', inArray('mirror')),
      entry('{root[work]}/failed', inObject({ mirror: { tries: 1, error: 'e' } })),
      entry('{root[work]}/tried', inArray({ name: 'mirror', tries: 1 })),
      entry('{root[work]}/exhausted', inArray({ name: 'mirror', tries: 3, error: 'e' })),
      entry('{root[work]}/paused', inArray({ name: 'mirror', paused: true })),
      entry('{root[work]}/done', inArray({ name: 'mirror', created_dt: T0 })),
    ]),
  )
  const status = await run('status', '--json', '--config', config)
  expect(status.code).toBe(0)
  expect(JSON.parse(status.stdout)).toMatchObject({
    instances: [],
    sites: [
      { site: 'studio' },
      { site: 'mirror', provider: 'local_drive' },
      { site: 'bad', misconfigured: expect.stringContaining('dropbox9') as string },
    ],
    projects: expect.arrayContaining([
      { project: 'prj', site: 'mirror', pending: 3, failed: 2, exhausted: 1, paused: 1, oldest: expect.any(String) as unknown },
    ]) as unknown,
  })
  const words = await run('status', '--config', config)
  expect(words.stdout).toMatch(/prj +mirror +3 +2 +1 +1/)
  expect(words.stdout).toContain('No instance is running.')
  const [before] = await stage.state.listCollections().toArray()
  expect(before).toBeUndefined()
})

test('status: tells of an instance that runs', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  let told: { instances: Document[]; sites: Document[] } = { instances: [], sites: [] }
  while (told.instances.length === 0 || told.instances[0]?.['stream'] !== 'open') {
    told = JSON.parse((await run('status', '--json', '--config', config)).stdout) as typeof told
  }
  expect(told.instances).toMatchObject([{ database: stage.db.databaseName, stream: 'open' }])
  expect(told.sites[1]).toMatchObject({ site: 'mirror', instances: [{ state: 'ok', running: 0, queued: 0 }] })
})

interface Told {
  readonly remarks: string[]
  readonly files: { readonly path: string; readonly site: string; readonly state: string; readonly reason: string; readonly fix?: string }[]
}

test('explain: every reason, in words and as JSON, with the command that mends it', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { sites: { bad: { provider: 'dropbox9', root: '/x' } } })
  const failed = { tries: 1, error: 'the disk said no', last_failed_dt: T0 }
  const reasons = [
    ['pending', inArray('mirror'), '{root[work]}/pending'],
    ['pending', inObject({ mirror: failed }), '{root[work]}/failed'],
    ['pending', inArray('mirror'), '{root[cache]}/unknown root'],
    ['exhausted', inArray({ name: 'mirror', ...failed, tries: 3 }), '{root[work]}/exhausted'],
    ['synced', inArray({ name: 'mirror', created_dt: T0 }), '{root[work]}/synced'],
    ['paused', inObject({ mirror: { paused: true } }), '{root[work]}/paused'],
    ['no-record', inArray('elsewhere'), '{root[work]}/no record'],
    ['no-source', [{ name: 'studio' }, { name: 'mirror' }], '{root[work]}/no source'],
    ['bad-tries', inArray({ name: 'mirror', tries: '1' }), '{root[work]}/bad tries'],
  ] as const
  const document = representation([
    ...reasons.map(([, sites, path]) => entry(path, sites)),
    entry('{root[work]}/misconfigured', inArray({ name: 'mirror', created_dt: T0 }, 'bad')),
    entry('{root[work]}/strings', ['mirror']),
  ])
  await stage.insert(document)
  const before = await stage.raw(document)
  const json = await run('explain', String(document._id), '--json', '--config', config)
  expect(json.code).toBe(0)
  const told = JSON.parse(json.stdout) as Told
  const mirror = told.files.filter(({ site }) => site === 'mirror')
  expect(mirror.slice(0, reasons.length).map(({ state, path }) => [state, path])).toEqual(reasons.map(([state, , path]) => [state, path]))
  expect(told.files.find(({ path, site }) => site === 'bad' && path.endsWith('misconfigured'))).toMatchObject({
    state: 'misconfigured',
    reason: expect.stringContaining('dropbox9') as string,
  })
  expect(mirror[0]?.reason).toContain(join(stage.dir, 'mirror', 'pending'))
  expect(mirror[1]?.reason).toContain('the disk said no')
  expect(mirror[2]?.reason).toContain('"cache"')
  expect(told.remarks.join()).toContain('files.10')
  const words = await run('explain', String(document._id), '--config', config, '--project', 'prj')
  expect(words.code).toBe(0)
  for (const { reason, fix } of told.files) {
    expect(words.stdout).toContain(reason)
    expect(words.stdout).toContain(fix ?? '')
  }
  expect(await stage.raw(document)).toEqual(before)
})

/** Does what a person would by pasting the command into the shell. */
async function paste(stage: Stage, command: string): Promise<number> {
  const match = /^db\.getCollection\((".*?")\)\.updateOne\((.*)\)$/.exec(command)
  if (!match) throw new Error(`no command: ${command}`)
  const json = String(match[2])
    .replaceAll(/ObjectId\("([0-9a-f]{24})"\)/g, '{"$oid": "$1"}')
    .replaceAll(/([{,] ?)(_id|\$unset|\$set|\$push|arrayFilters|name): /g, '$1"$2": ')
  const [filter, update, options] = BSON.EJSON.parse(`[${json}]`) as [Document, Document, Document]
  return (await stage.db.collection(JSON.parse(String(match[1])) as string).updateOne(filter, update, options)).modifiedCount
}

test('explain: the commands it gives mend what they are for', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const reasons = [
    ['exhausted', inArray({ name: 'mirror', tries: 3, error: 'e' })],
    ['exhausted', inObject({ mirror: { tries: 3, error: 'e' } })],
    ['bad-tries', inArray({ name: 'mirror', tries: '1' })],
    ['paused', inObject({ mirror: { paused: true } })],
    ['paused', inArray({ name: 'mirror', paused: true })],
    ['no-record', inArray()],
    ['no-record', inObject({})],
    ['synced', inArray({ name: 'mirror', created_dt: T0 })],
    ['synced', inObject({ mirror: { created_dt: T0, id: 'x' } })],
  ] as const
  for (const n of reasons.keys()) await stage.file(`${n}`)
  const document = representation(reasons.map(([, sites], n) => entry(`{root[work]}/${n}`, sites)))
  await stage.insert(document)
  const explained = await run('explain', String(document._id), '--json', '--config', config)
  const { files } = JSON.parse(explained.stdout) as Told
  expect(files.map(({ state }) => state)).toEqual(reasons.map(([state]) => state))
  for (const { fix } of files) expect(await paste(stage, String(fix))).toBe(1)
  expect((await run('scan', '--config', config)).code).toBe(0)
  for (const file of reasons.keys()) expect(await stage.record(document, { site: 'mirror', file })).toMatchObject({ id: `${file}` })
})

test('explain: what is not there is said, with 1', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const nobody = await run('explain', '000000000000000000000000', '--config', config)
  expect([nobody.code, nobody.stdout]).toEqual([1, ''])
  expect(nobody.stderr).toContain('000000000000000000000000')
  const other = representation([], { type: 'version' })
  await stage.insert(other)
  const version = await run('explain', String(other._id), '--config', config)
  expect(version.code).toBe(0)
  expect(version.stdout).toContain('"version"')
})

test.each([['status'], ['explain', 'hero/model/1/ma']])(
  '%s: a project that is not there is wrong usage, and names what is near',
  async (...args) => {
    const stage = await Stage.open()
    await published(stage, 'a.ma')
    const { code, stdout, stderr } = await run(...args, '--project', 'prk', '--config', await writeConfig(stage))
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('there is no project "prk"; did you mean "prj"?')
  },
)

test.each([
  [[], 'Usage'],
  [['fly'], "unknown command 'fly'"],
  [['run'], '--config'],
  [['run', '--config', 'x', '--speed', '9'], '--speed'],
  [['run', '--config', 'x', '--log-level', 'loud'], 'loud'],
  [['explain', '--config', 'x'], 'representation'],
  [['run', '--config', '/nowhere/at/all.json'], '/nowhere/at/all.json'],
] as const)('wrong usage ends with 2 and says what is wrong: %j', async (args, said) => {
  const { code, stdout, stderr } = await run(...args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(said)
})

test('a configuration with mistakes ends with 2 and shows all of them at once', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, {
    general: { retry_cnt: 'often', loop_delay: -1, remote_site: 'nowhere', lease_seconds: 0 },
    sites: { broken: { root: '/x' }, rootless: { provider: 'gdrive' } },
  })
  for (const command of [['run'], ['scan'], ['status'], ['explain', 'x']]) {
    const { code, stdout, stderr } = await run(...command, '--config', config)
    expect([code, stdout]).toEqual([2, ''])
    for (const key of [
      'retry_cnt is "often"',
      'loop_delay is -1',
      'remote_site is "nowhere"',
      'lease_seconds is 0',
      'sites.broken.provider',
      'sites.rootless.root',
    ]) {
      expect(stderr).toContain(key)
    }
  }
})

test.each([[['--help']], [['run', '--help']], [['scan', '--help']], [['status', '--help']], [['explain', '--help']]] as const)(
  'help is no mistake: %j',
  async (args) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Usage: site-sync')
  },
)

test('the folder layout and the legacy settings do the same work', async () => {
  const stage = await Stage.open()
  const { uri, database, stateDatabase } = stage.settings.mongo
  const mongo = { uri, database, state_database: stateDatabase }
  const sites = {
    studio: { provider: 'local_drive', root: { work: stage.studioPath('') } },
    mirror: { provider: 'local_drive', root: { work: join(stage.dir, 'mirror') } },
  }
  const folder = join(stage.dir, 'folder')
  await mkdir(folder)
  await writeFile(join(folder, 'config.json'), `// general\n${JSON.stringify({ remote_site: 'mirror', mongo })}`)
  await writeFile(join(folder, 'disks.json'), JSON.stringify(sites))
  const legacy = join(stage.dir, 'legacy.json')
  const config = { retry_cnt: '3', loop_delay: '60', active_site: 'studio', remote_site: 'mirror', always_accessible_on: [] }
  await writeFile(legacy, JSON.stringify({ enabled: true, mongo, config, sites }))
  for (const path of [folder, legacy]) {
    const document = await published(stage, `${path === folder ? 'new' : 'old'}.ma`)
    expect((await run('scan', '--config', path)).code).toBe(0)
    expect(await stage.record(document, { site: 'mirror' })).toHaveProperty('created_dt')
  }
})

import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { stored } from '../unit/config/openpype-samples.ts'
import { ownSet } from '../support/own-set.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess } from '../support/service-process.ts'

const own = ownSet({ isProtected: true })
const PASS = 'sftp-secret-of-the-studio'
const perSystem = (path: string) => ({ windows: path, darwin: path, linux: path })

interface Answer {
  readonly configuration: { readonly remote_site: string; readonly mongo?: { readonly uri?: string } }
  readonly notes: readonly string[]
}

/** Settings in the database `openpype`, or another: two versions of the project's. */
async function settingsOf(stage: Stage): Promise<object[]> {
  const system = { enabled: true, sites: { nas: { provider: 'local_drive', alternative_sites: [] }, sftp: { provider: 'sftp9' } } }
  const sites = {
    nas: { enabled: true, root: { work: perSystem(join(stage.dir, 'nas')) } },
    sftp: { enabled: true, root: { work: '/w' }, sftp_pass: PASS },
  }
  const project = (version: string, remote: string) => {
    const { _id: _, ...document } = stored.project(
      { enabled: true, config: { remote_site: remote, __overriden_keys__: ['remote_site'] }, sites },
      'prj',
    )
    return { ...document, version }
  }
  const { _id: _, ...systemDocument } = stored.system(system)
  return await Promise.resolve([{ ...systemDocument, version: '3.18.0' }, project('3.9.0', 'sftp'), project('3.18.0', 'nas')])
}

async function importing(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess & { code: unknown }> {
  const command = new ServiceProcess(['import-settings', ...args], env)
  return Object.assign(command, { code: await command.end() })
}

test('from the database: the newest version, for its owner alone, never over another file; it runs unchanged', async () => {
  const stage = await own.stage()
  await own.client.db('openpype').dropDatabase()
  await own.client
    .db('openpype')
    .collection('settings')
    .insertMany(await settingsOf(stage))
  const address = join(stage.dir, 'address')
  await writeFile(address, own.set.uri, { mode: 0o600 })
  const env = { SITE_SYNC_MONGO_URI_FILE: address, AVALON_DB: stage.db.databaseName }
  const out = join(stage.dir, 'imported.json')

  const dry = await importing(['--out', out, '--dry-run'], env)
  expect([dry.code, dry.stderr]).toEqual([0, ''])
  await expect(stat(out)).rejects.toThrow('ENOENT')
  const first = await importing(['--out', out, '--json'], env)
  expect([first.code, first.stderr]).toEqual([0, ''])
  const { configuration, notes } = JSON.parse(first.stdout) as Answer
  expect(Object.keys(JSON.parse(first.stdout) as object)).toEqual(['configuration', 'notes'])
  expect(configuration).toMatchObject({ remote_site: 'nas', mongo: { database: stage.db.databaseName } })
  expect(configuration.mongo).not.toHaveProperty('uri')
  expect(notes.join('\n')).toMatch(/address of the database holds a secret/)
  expect(notes.join('\n')).toMatch(/sftp_pass is secret/)
  expect(first.stdout).not.toContain(PASS)
  expect((await stat(out)).mode & 0o777).toBe(0o600)
  const text = await readFile(out, 'utf8')
  expect(text).toContain(PASS)
  expect(text).not.toContain('mongodb://')

  const again = await importing(['--out', out], env)
  expect([again.code, again.stdout]).toEqual([2, ''])
  expect(again.stderr).toContain('--yes replaces it')
  expect(await readFile(out, 'utf8')).toBe(text)
  await writeFile(out, 'mine', { mode: 0o644 })
  expect((await importing(['--out', out, '--yes'], env)).code).toBe(0)
  expect(await readFile(out, 'utf8')).toBe(text)
  expect((await stat(out)).mode & 0o777).toBe(0o600)

  await stage.db.collection('prj').insertOne({ type: 'project', name: 'prj', config: { roots: { work: perSystem(stage.studioPath('')) } } })
  await stage.file('a.ma', 'bytes')
  const document = representation([entry('{root[work]}/a.ma', inArray('nas'))])
  await stage.insert(document)
  const service = new ServiceProcess(['run', '--config', out], env)
  await stage.synced(document, { site: 'nas', withinMs: 30_000 })
  expect(await readFile(join(stage.dir, 'nas/a.ma'), 'utf8')).toBe('bytes')
  // Of the provider that this version does not have; the password is in no line.
  expect(service.lines.of('site.misconfigured').map(({ site_sync: fields }) => fields?.site)).toEqual(['sftp'])
  expect(service.lines.text).not.toContain(PASS)
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  await own.client.db('site_sync').dropDatabase()
})

test('from an address with a database of its own; a password in an argument is warned of', async () => {
  const stage = await own.stage()
  await stage.db.collection('settings').insertMany(await settingsOf(stage))
  const uri = own.set.uri.replace(/\/(\?|$)/, `/${stage.db.databaseName}$1`)
  const command = await importing([uri.includes('authSource') ? uri : `${uri}&authSource=admin`, '--json'])
  expect(command.code).toBe(0)
  expect(command.stderr).toMatch(/^warning: every user of this machine can read the password/)
  expect(command.stderr).not.toContain(new URL(own.set.uri.replace('mongodb:', 'http:').split(',')[0] ?? '').password)
  expect((JSON.parse(command.stdout) as Answer).configuration.remote_site).toBe('nas')
})

test('from files: what mongoexport writes, line by line or as a list, and both parts in one', async () => {
  const stage = await Stage.open()
  const documents = await settingsOf(stage)
  const forms: readonly (readonly [string, string])[] = [
    ['lines.json', documents.map((document) => JSON.stringify(document)).join('\n')],
    ['list.json', JSON.stringify(documents)],
    ['both.json', JSON.stringify({ system: documents[0], project: documents[2] })],
  ]
  for (const [name, text] of forms) {
    const file = join(stage.dir, name)
    await writeFile(file, text)
    const command = await importing([file, '--json'])
    expect([name, command.code, command.stderr]).toEqual([name, 0, ''])
    const { configuration } = JSON.parse(command.stdout) as Answer
    expect(configuration).toMatchObject({ remote_site: 'nas', projects: { include: ['prj'] } })
    const words = await importing([file])
    expect(JSON.parse(words.stdout)).toEqual(configuration)
    expect(words.stderr).toMatch(/^note: /m)
    expect(words.stdout + words.stderr).not.toContain(PASS)
  }
})

test('wrong usage is 2, a database without settings 1', async () => {
  const stage = await Stage.open()
  const bad = join(stage.dir, 'bad.json')
  await writeFile(bad, '{ "a": ')
  for (const args of [[], [join(stage.dir, 'nothing.json')], [bad], ['mongodb://a:b@c@d/'], [bad, '--nonsense']]) {
    const command = await importing(args)
    expect([args, command.code, command.stdout]).toEqual([args, 2, ''])
    expect(command.stderr).not.toBe('')
  }
  const empty = await importing([stage.uri], { OPENPYPE_DATABASE_NAME: stage.db.databaseName })
  expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining('no settings of OpenPype') as string])
})

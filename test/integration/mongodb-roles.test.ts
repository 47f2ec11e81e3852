import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'

import { MongoClient, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, representation } from '../support/published.ts'
import { ownSet } from '../support/own-set.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

const own = ownSet({ isProtected: true })
const DOCS = new URL('../../docs/mongodb.md', import.meta.url)
const PASSWORD = 'p-w_of-the-docs'

interface Shell {
  getSiblingDB(name: string): {
    createRole(role: Document & { role: string }): void
    createUser(user: Document & { user: string }): void
  }
}

/** What the page's block does in `mongosh`, in the order in which it does it, for these databases. */
async function commandsOfDocs(names: { readonly database: string; readonly state: string }): Promise<{ db: string; command: Document }[]> {
  const [, block = ''] = /^```js\n(.*?)^```$/ms.exec(await readFile(DOCS, 'utf8')) ?? []
  const commands: { db: string; command: Document }[] = []
  const shell: Shell = {
    getSiblingDB: (db) => ({
      createRole: ({ role, ...rest }) => void commands.push({ db, command: { createRole: role, ...rest } }),
      createUser: ({ user, ...rest }) => void commands.push({ db, command: { createUser: user, ...rest } }),
    }),
  }
  const code = block
    .replaceAll("'avalon'", JSON.stringify(names.database))
    .replaceAll("'site_sync', collection", `${JSON.stringify(names.state)}, collection`)
  runInNewContext(code, { db: shell, passwordPrompt: () => PASSWORD })
  return commands
}

test('the roles of the docs: the service syncs a publish by its change stream; a tool of an artist has no right on its state', async () => {
  const stage = await own.stage()
  const { database, stateDatabase } = stage.settings.mongo
  for (const { db, command } of await commandsOfDocs({ database, state: stateDatabase })) await own.client.db(db).command(command)
  const as = (user: string): string => own.set.uri.replace(/\/\/.*@/, `//${user}:${PASSWORD}@`)

  await stage.db.createCollection('prj')

  const mongo = { uri: as('site_sync'), database, state_database: stateDatabase }
  const config = await writeConfig(stage, { general: { mongo, loop_delay: 3_600 } })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('stream.opened')
  await service.lines.until('scan.finished')
  await service.lines.until('database.index')

  await using artist = new MongoClient(as('artist'))
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('mirror'))])
  await artist.db(database).collection('prj').insertOne(document)
  await stage.synced(document, { site: 'mirror' })
  expect(await readFile(join(stage.dir, 'mirror/a.ma'), 'utf8')).toBe('a.ma')
  expect(service.lines.of('database.index_failed', 'stream.unavailable', 'stream.lost', 'scan.failed', 'service.unexpected')).toEqual([])

  const state = artist.db(stateDatabase)
  const leases = state.collection('leases')
  await using sync = new MongoClient(as('site_sync'))
  const projects = sync.db(database)
  const refused: readonly (() => Promise<unknown>)[] = [
    () => leases.findOne(),
    () => leases.insertOne({}),
    () => leases.deleteMany({}),
    () => leases.drop(),
    () => state.dropDatabase(),
    () => projects.collection('prj').deleteMany({}),
    () => projects.collection('prj').drop(),
    () => projects.collection('new').insertOne({}),
  ]
  for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ codeName: 'Unauthorized' })

  const receipt = ['receipt', 'mirror', '--all', '--out', join(stage.dir, 'receipts')]
  for (const args of [['status'], ['explain', String(document._id)], receipt]) {
    const command = new ServiceProcess([...args, '--config', config])
    expect([await command.end(), command.stderr]).toEqual([0, ''])
  }
  const accept = new ServiceProcess(['accept-root', 'mirror', '--config', config])
  expect(await accept.end()).toBe(0)
  expect(accept.stderr).toContain('"controls.changed"')
  const kept = await stage.state.collection('audit').find({ action: 'accept-root' }).toArray()
  expect(kept).toMatchObject([{ selection: { site: 'mirror' }, who: expect.stringContaining('@') as string }])
  service.signal('SIGTERM')
  expect([await service.end(), service.stderr]).toEqual([0, ''])
})

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { parseLog } from '../support/log-schema.ts'
import { testDatabase } from '../support/mongo.ts'
import { waitFor } from '../support/wait-for.ts'

const run = promisify(execFile)
const CHECKOUT = resolve(import.meta.dirname, '../..')

let folder: string
let program: string

// What a user installs: packed, unpacked, with its dependencies beside it.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'site-sync-package-'))
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: CHECKOUT })
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
  await run('tar', ['-xzf', `site-sync-${version}.tgz`], { cwd: folder })
  await symlink(join(CHECKOUT, 'node_modules'), join(folder, 'package', 'node_modules'))
  program = join(folder, 'package', 'dist', 'main.js')
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('the packed program says what it can do, and its version', async () => {
  const { stdout } = await run(process.execPath, [program, '--help'])
  for (const command of ['run', 'scan', 'status', 'explain']) expect(stdout).toContain(command)
  const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string }
  expect((await run(process.execPath, [program, '--version'])).stdout.trim()).toBe(version)
})

test('the packed program syncs a publish and stops on SIGTERM', async () => {
  await using database = await testDatabase()
  const [studio, nas] = [join(folder, 'studio'), join(folder, 'nas')]
  await mkdir(studio)
  await mkdir(nas)
  await writeFile(join(studio, 'a.ma'), 'content')
  const config = join(folder, 'config.json')
  const mongo = { uri: database.uri, database: database.db.databaseName, state_database: database.stateDb }
  await writeFile(
    config,
    JSON.stringify({
      publish_site: 'studio',
      remote_site: 'nas',
      mongo,
      sites: { studio: { root: studio }, nas: { provider: 'local_drive', root: nas } },
    }),
  )

  const service = spawn(process.execPath, [program, 'run', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let output = ''
    service.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await waitFor('the service is ready', () => output.includes('service.ready'))
    const sites = [{ name: 'studio', created_dt: new Date() }, { name: 'nas' }]
    const representation = { type: 'representation', files: [{ _id: new ObjectId(), path: '{root}/a.ma', size: 7, sites }] }
    await database.db.collection('prj').insertOne(representation)
    await waitFor(
      'the file is marked',
      async () =>
        (await database.db.collection('prj').countDocuments({ 'files.sites': { $elemMatch: { name: 'nas', id: 'a.ma' } } })) === 1,
    )
    expect(await readFile(join(nas, 'a.ma'), 'utf8')).toBe('content')

    service.kill('SIGTERM')
    const [code] = await once(service, 'exit')
    expect(code).toBe(0)
    const actions = parseLog(output).map((line) => line.event.action)
    expect(actions).toContain('transfer.succeeded')
    expect(actions.at(-1)).toBe('service.stopped')
  } finally {
    service.kill('SIGKILL')
  }
})

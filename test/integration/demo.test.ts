import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'

import { MongoClient } from 'mongodb'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'

import { testDatabase } from '../support/mongo.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 120_000
/** Where processes can be told by their environment. */
const HAS_PROC = process.platform === 'linux'

let checkout: string

/** What a fresh clone holds, so that a change which the demo makes in it is its own. */
beforeAll(async () => {
  checkout = await temporaryFolder('demo-checkout-')
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, maxBuffer: 1 << 24 })
  for (const file of stdout.split('\0')) {
    // What is deleted and not committed yet is listed too.
    if (file !== '') await cp(path.join(root, file), path.join(checkout, file)).catch(ignoreMissing)
  }
  await symlink(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'))
  await run('git', ['init', '--quiet'], { cwd: checkout })
  await run('git', ['add', '--all'], { cwd: checkout })
  return async () => rm(checkout, { recursive: true, force: true })
}, TIMEOUT_MS)

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function temporaryFolder(prefix: string): Promise<string> {
  return realpath(await mkdtemp(path.join(tmpdir(), prefix)))
}

class Demo {
  readonly npm: ChildProcess
  /** The only place for temporary files that it knows; also what its processes are told by. */
  readonly temp: string
  output = ''
  readonly ended: Promise<number | null>

  constructor(args: readonly string[], temp: string) {
    this.temp = temp
    const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: temp, NODE_OPTIONS: '' }
    for (const name of ['SITE_SYNC_MONGO_URI', 'SITE_SYNC_MONGO_URI_FILE', 'AVALON_MONGO', 'OPENPYPE_MONGO', 'AVALON_DB']) delete env[name]
    this.npm = spawn('npm', ['start', '--', ...args], { cwd: checkout, env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.npm.stdout, this.npm.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.ended = once(this.npm, 'close').then(([code]) => code as number | null)
  }

  /** With the output: a failing expectation shows it. */
  async result(): Promise<{ code: number | null; output: string }> {
    return { code: await this.ended, output: this.output }
  }

  async says(text: string): Promise<void> {
    for await (const _ of on(this.npm.stdout as Readable, 'data', { close: ['close'] })) if (this.output.includes(text)) return
    throw new Error(`it ended without saying ${text}:\n${this.output}`)
  }

  /** Every process that was started with our temporary folder in its environment: npm, the demo, guards, mongod. */
  async processes(): Promise<string[]> {
    if (!HAS_PROC) return []
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const found = await Promise.all(
      pids.map(async (pid) => {
        const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
        if (!environment.split('\0').includes(`TMPDIR=${this.temp}`)) return undefined
        return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim()
      }),
    )
    return found.filter((command) => command !== undefined && command !== '') as string[]
  }

  /** Of its temporary folders and files. */
  async modes(): Promise<{ name: string; mode: number }[]> {
    const names = await readdir(this.temp, { recursive: true })
    return (
      await Promise.all(
        names.map(async (name) =>
          stat(path.join(this.temp, name)).then(
            ({ mode }) => [{ name, mode: mode & 0o777 }],
            () => [],
          ),
        ),
      )
    ).flat()
  }

  /** What there is of it now: processes, and files outside the checkout. */
  async remains(): Promise<string[]> {
    // Node's compile cache is npm's.
    const files = (await readdir(this.temp)).filter((name) => !name.startsWith('node-compile-cache'))
    return [...(await this.processes()), ...files]
  }
}

/** The guards end a moment after what they guard. */
const SOON = { timeout: 10_000 }

async function start(...args: string[]): Promise<Demo> {
  const demo = new Demo(args, await temporaryFolder('demo-test-'))
  onTestFinished(async () => {
    demo.npm.kill('SIGTERM')
    await demo.ended
    await rm(demo.temp, { recursive: true, force: true })
  })
  return demo
}

async function status(): Promise<string> {
  return (await run('git', ['status', '--porcelain'], { cwd: checkout })).stdout
}

const PERCENTILES = /publish → (upload start|created_dt) +p50 (\d+) ms +p95 (\d+) ms/g

test(
  'npm start -- --once: publishes, syncs, prints the table, ends with 0 and leaves nothing',
  async () => {
    const before = await status()
    const demo = await start('--once')
    expect(await demo.result()).toMatchObject({ code: 0 })
    const lines = stripVTControlCharacters(demo.output).split('\n')
    const rows = lines.filter((line) => /^\S+ \S+ \w+ +(nas|backup) /.test(line))
    expect(rows.filter((row) => /(nas|backup) +24 synced /.test(row))).toHaveLength(2)
    expect(rows.filter((row) => / synced /.test(row)).length).toBeGreaterThanOrEqual(20)
    const failed = rows.filter((row) => / failed /.test(row))
    expect(failed).toHaveLength(2)
    for (const row of failed) expect(row).toMatch(/2 of 2 tries: .*sh020_workfileLayout_v001\.blend is not there/)
    const figures = [...demo.output.matchAll(PERCENTILES)].map(([, what, p50, p95]) => ({ what, p50: Number(p50), p95: Number(p95) }))
    expect(figures.map(({ what }) => what)).toEqual(['upload start', 'created_dt'])
    for (const { p50, p95 } of figures) expect(p50).toBeLessThanOrEqual(p95)
    expect(demo.output).toContain(`${demo.temp}/site-sync-demo-`)
    expect(demo.output).toMatch(/npm start -- --config/)
    expect(demo.output).toMatch(/The page: http:\/\/127\.0\.0\.1:\d+\//)
    await vi.waitFor(async () => expect(await demo.remains()).toEqual([]), SOON)
    expect(await status()).toBe(before)
  },
  TIMEOUT_MS,
)

test(
  'npm start -- --topology studio --once: each publish gets from one machine to the next, the last one with the server off in between',
  async () => {
    const before = await status()
    const demo = await start('--topology', 'studio', '--once')
    expect(await demo.result()).toMatchObject({ code: 0 })
    const lines = stripVTControlCharacters(demo.output).split('\n')
    const rows = lines.filter((line) => /^sh0[34]0 \S+ \w+ +\d+ +/.test(line))
    expect(rows).toHaveLength(14)
    for (const row of rows) expect(row).toMatch(/(?: +[\d.]+ m?s){3}$/)
    const offAt = lines.findIndex((line) => line.includes('The server is switched off'))
    const onAt = lines.findIndex((line) => line.includes('The server is switched on'))
    const meanwhile = lines.slice(offAt, onAt).filter((line) => line.includes(' synced '))
    expect(meanwhile.length).toBeGreaterThan(0)
    expect(meanwhile.filter((line) => !line.includes(' cloud '))).toEqual([])
    await vi.waitFor(async () => expect(await demo.remains()).toEqual([]), SOON)
    expect(await status()).toBe(before)
  },
  TIMEOUT_MS,
)

test.each([
  { when: 'while it watches', word: 'Watching', args: [], code: 0 },
  { when: 'in the middle of --once', word: 'Published before', args: ['--once'], code: 143 },
])(
  'SIGTERM to npm $when ends everything with $code',
  async ({ word, args, code }) => {
    const demo = await start(...args)
    await demo.says(word)
    expect((await demo.processes()).filter((command) => / --replSet /.test(command))).toHaveLength(HAS_PROC ? 1 : 0)
    demo.npm.kill('SIGTERM')
    expect(await demo.result()).toMatchObject({ code })
    await vi.waitFor(async () => expect(await demo.remains()).toEqual([]), SOON)
  },
  TIMEOUT_MS,
)

test(
  'nobody but its owner comes into the database of the demo, and the password shows in no process list',
  async () => {
    const demo = await start()
    await demo.says('site-sync -- status --config')
    const [, command = ''] = /^ {2}(SITE_SYNC_MONGO_URI=.*)$/m.exec(demo.output) ?? []
    const [uri = ''] = /mongodb:\/\/[^\s']+/.exec(command) ?? []
    const [, password = ''] = /:([\w-]{20,})@/.exec(uri) ?? []
    expect(demo.output).toContain(`a replica set of its own: ${uri}`)

    await using stranger = new MongoClient(uri.replace(/\/\/.*@/, '//'))
    const project = stranger.db('avalon').collection('site_sync_demo')
    await expect(project.findOne()).rejects.toMatchObject({ codeName: 'Unauthorized' })
    await expect(project.insertOne({})).rejects.toMatchObject({ codeName: 'Unauthorized' })

    const processes = await demo.processes()
    expect(processes.length).toBeGreaterThanOrEqual(HAS_PROC ? 3 : 0)
    expect(processes.filter((line) => line.includes(password))).toEqual([])
    const modes = new Map((await demo.modes()).map(({ name, mode }) => [name.replace(/-\w{6}(?=\/|$)/, ''), mode.toString(8)]))
    for (const folder of ['site-sync-demo', 'replica-set']) expect(modes.get(folder)).toBe('700')
    for (const file of ['site-sync-demo/config.json', 'replica-set/key']) expect(modes.get(file)).toBe('600')

    // As the demo tells its owner, in a shell.
    const { stdout } = await run('/bin/sh', ['-c', command], { cwd: checkout })
    expect(stdout).toMatch(/site_sync_demo +backup +0 +0 +1 +0/)
  },
  TIMEOUT_MS,
)

test(
  '--config: the own sites and replica set; a foreign collection of the same name stays as it is',
  async () => {
    await using mongo = await testDatabase()
    const stranger = { _id: 'mine' as never, type: 'asset' }
    await mongo.db.collection('site_sync_demo').insertOne(stranger)
    const dir = await temporaryFolder('demo-config-')
    onTestFinished(async () => rm(dir, { recursive: true, force: true }))
    for (const folder of ['server', 'mirror']) await mkdir(path.join(dir, folder))
    const config = path.join(dir, 'config.json')
    await writeFile(
      config,
      JSON.stringify({
        publish_site: 'server',
        remote_site: 'mirror',
        mongo: { uri: mongo.uri, database: mongo.db.databaseName, state_database: mongo.stateDb },
        projects: { include: ['nothing_of_this'] },
        sites: {
          server: { provider: 'local_drive', root: path.join(dir, 'server') },
          mirror: { provider: 'local_drive', root: path.join(dir, 'mirror') },
        },
      }),
    )
    const demo = await start('--once', '--config', config)
    expect(await demo.result()).toMatchObject({ code: 0 })
    expect(demo.output).toMatch(/mirror +24 synced/)
    const notice = `NOTE: these are the real sites of ${config}.`
    expect(demo.output).toContain(notice)
    expect(demo.output.indexOf(notice)).toBeLessThan(demo.output.indexOf('Site Sync demo'))
    expect(demo.output).toContain(`mirror  local_drive: ${path.join(dir, 'mirror')}`)
    expect(demo.output).toContain(`mirror  ${path.join(dir, 'mirror', 'site_sync_demo_2')}`)
    expect(await readdir(path.join(dir, 'mirror'))).toEqual(['site_sync_demo_2'])
    expect(await readdir(path.join(dir, 'mirror', 'site_sync_demo_2', 'shots'))).toEqual(expect.arrayContaining(['sh010', 'sh030']))
    expect(await readdir(path.join(dir, 'server'))).toEqual([])
    const collections = await mongo.db.listCollections().toArray()
    expect(collections.map(({ name }) => name)).toEqual(['site_sync_demo'])
    expect(await mongo.db.collection('site_sync_demo').find().toArray()).toEqual([stranger])
    await vi.waitFor(async () => expect(await demo.remains()).toEqual([]), SOON)
  },
  TIMEOUT_MS,
)

test(
  'wrong usage and a configuration with nothing to sync to end with 2 and say why',
  async () => {
    const dir = await temporaryFolder('demo-config-')
    onTestFinished(async () => rm(dir, { recursive: true, force: true }))
    const config = path.join(dir, 'config.json')
    await writeFile(config, JSON.stringify({ sites: { studio: { root: dir } } }))
    const [usage, empty] = [await start('--onec'), await start('--config', config)]
    expect(await usage.ended).toBe(2)
    expect(usage.output).toContain('--once')
    expect(await empty.ended).toBe(2)
    expect(empty.output).toContain('"remote_site" of the configuration is empty')
    await vi.waitFor(async () => expect(await empty.remains()).toEqual([]), SOON)
  },
  TIMEOUT_MS,
)

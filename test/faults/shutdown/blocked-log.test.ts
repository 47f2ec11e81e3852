import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { LogLines } from '../../support/log-recorder.ts'
import { entry, inArray, representation, type Representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { environment, MAIN, ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Their log is far more than a pipe holds. */
const FILES = 150
/** Far more than the service keeps. */
const ROUNDS = 20

async function publishMany(stage: Stage, folder = 'first'): Promise<void> {
  const documents: Representation[] = []
  for (let n = 0; n < FILES; n++) {
    const path = `${folder}${'long'.repeat(50)}/${n}.ma`
    await stage.file(path)
    documents.push(representation([entry(`{root[work]}/${path}`, inArray('mirror'))]))
  }
  await stage.insert(...documents)
}

/** A real pipe (what Node makes for a child is a pair of sockets), with a reader that reads when told to. */
class Fifo {
  readonly writer: number
  readonly #reader: number

  constructor(stage: Stage) {
    const path = join(stage.dir, 'fifo')
    execFileSync('mkfifo', [path])
    this.#reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    this.writer = openSync(path, constants.O_WRONLY)
    onTestFinished(() => closeSync(this.#reader))
  }

  /** What is in it now. */
  read(): string {
    const buffer = Buffer.alloc(1 << 16)
    try {
      return buffer.toString('utf8', 0, readSync(this.#reader, buffer))
    } catch {
      return ''
    }
  }
}

const synced = async (stage: Stage): Promise<number> =>
  await stage.project().countDocuments({ 'files.0.sites': { $elemMatch: { name: 'mirror', created_dt: { $type: 'date' } } } })

const stopped = async (stage: Stage): Promise<boolean> => (await stage.state.collection('instances').countDocuments()) === 0

test.each(['a pair of sockets', 'a pipe'] as const)(
  'standard output is %s that nobody reads: all work is done, and SIGTERM ends it with 0',
  async (kind) => {
    const stage = await Stage.open()
    const config = await writeConfig(stage)
    await publishMany(stage)
    const fifo = kind === 'a pipe' ? new Fifo(stage) : undefined
    const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'], {}, { stdout: fifo?.writer ?? 'unread' })
    await waitFor('all files', async () => (await synced(stage)) === FILES, { withinMs: 30_000 })
    service.signal('SIGTERM')
    expect(await service.end()).toBe(0)
    expect(service.stderr).toBe('')
    expect(await stopped(stage)).toBe(true)
    if (fifo) closeSync(fifo.writer)
  },
  60_000,
)

test('scan --once: a pipe that nobody reads is no reason not to end', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  await publishMany(stage)
  const fifo = new Fifo(stage)
  const scan = new ServiceProcess(['scan', '--once', '--config', config, '--log-level', 'debug'], {}, { stdout: fifo.writer })
  expect(await scan.end(30_000)).toBe(0)
  expect(await synced(stage)).toBe(FILES)
  closeSync(fifo.writer)
}, 60_000)

test('who reads again is told how many lines are missing, and gets the next ones', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const fifo = new Fifo(stage)
  const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'], {}, { stdout: fifo.writer })
  const lines = new LogLines()
  const read = (): void => lines.add(fifo.read())
  await waitFor('a service that works', () => (read(), lines.count('service.ready') > 0))
  // More than a pipe and the buffer of the service hold.
  for (let round = 0; round < ROUNDS; round++) await publishMany(stage, `${round}`)
  await waitFor('all files', async () => (await synced(stage)) === ROUNDS * FILES, { withinMs: 60_000 })
  await waitFor('what is missing', () => (read(), lines.count('log.dropped') > 0))
  await publishMany(stage, 'later')
  await waitFor('the next files', () => (read(), lines.of('transfer.succeeded').some(({ site_sync: own }) => own?.path?.includes('later'))))
  expect(lines.of('log.dropped')[0]?.site_sync?.['lines']).toBeGreaterThan(100)
  service.signal('SIGTERM')
  await waitFor('the end', () => (read(), !service.isRunning))
  expect(await service.ended).toBe(0)
  closeSync(fifo.writer)
  expect(service.stderr).toBe('')
}, 120_000)

test('the disk of a redirected log is full: all work is done, and SIGTERM ends it with 0', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  await publishMany(stage)
  const full = openSync('/dev/full', 'w')
  const service = new ServiceProcess(['run', '--config', config], {}, { stdout: full })
  await waitFor('all files', async () => (await synced(stage)) === FILES, { withinMs: 30_000 })
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect(service.stderr).toBe('')
  closeSync(full)
}, 60_000)

/** Also when nobody has asked yet how it ended. */
function hasEnded(pid: number): boolean {
  try {
    return /\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return true
  }
}

test.skipIf(spawnSync('script', ['--version']).status !== 0)(
  'a terminal that stands still (Ctrl-S): all work is done, and SIGTERM ends it',
  async () => {
    const stage = await Stage.open()
    const config = await writeConfig(stage)
    await publishMany(stage)
    const command = [process.execPath, MAIN, 'run', '--config', config, '--log-level', 'debug', '--log-format', 'json']
      .map((word) => `'${word}'`)
      .join(' ')
    // Nobody reads what it shows, so that it takes no more from the terminal that it made.
    const terminal = spawn('script', ['-qec', `exec ${command}`, '/dev/null'], { env: environment(), stdio: ['pipe', 'pipe', 'ignore'] })
    onTestFinished(() => void terminal.kill('SIGKILL'))
    const instances = stage.state.collection<{ pid: number }>('instances')
    const { pid } = await waitFor('the service', async () => await instances.findOne())
    onTestFinished(() => void (hasEnded(pid) || process.kill(pid, 'SIGKILL')))
    await waitFor('all files', async () => (await synced(stage)) === FILES, { withinMs: 30_000 })
    process.kill(pid, 'SIGTERM')
    await waitFor('its end', () => hasEnded(pid))
    expect(await stopped(stage)).toBe(true)
  },
  60_000,
)

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SyncError, toSyncError } from '../../src/errors.ts'
import { createLogger, type LoggerOptions } from '../../src/logging.ts'
import { registerSecret } from '../../src/secrets.ts'
import { LOG_ACTIONS, type Log, type LogAction, type LogFields } from '../../src/model/log.ts'
import { logLineSchema, parseLog } from '../support/log-schema.ts'

const actions = Object.keys(LOG_ACTIONS) as LogAction[]
const clock = () => new Date('2026-01-02T03:04:05.678Z')

/** Takes its time over each write, as a pipe does whose reader is slow. */
class Sink extends Writable {
  written = ''
  readonly isTTY: boolean

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    setImmediate(() => {
      this.written += chunk.toString()
      done()
    })
  }
}

async function logged(write: (log: Log) => void, options: LoggerOptions = {}, stream = new Sink()): Promise<string> {
  const logger = createLogger({ stream, clock, env: {}, ...options })
  write(logger)
  await logger.close()
  return stream.written
}

const linesOf = async (write: (log: Log) => void, options: LoggerOptions = {}) => parseLog(await logged(write, options))
const lineOf = async (action: LogAction, fields?: LogFields, options?: LoggerOptions) =>
  (await linesOf((log) => log.event(action, fields), { level: 'debug', ...options }))[0]

const tellReady = (log: Log) => log.event('service.ready')

/** A process whose log goes to its standard output. */
function program(body: string) {
  const module = new URL('../../src/logging.ts', import.meta.url).href
  const source = `import { createLogger } from ${JSON.stringify(module)}; const log = createLogger(); ${body}`
  return spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['pipe', 'pipe', 'pipe'] })
}

describe('JSON lines', () => {
  test('all fields have their place in the schema', async () => {
    const line = await lineOf('transfer.succeeded', {
      message: 'done',
      project: 'PRJ',
      representationId: '65f0',
      fileId: '65f1',
      path: '{root[work]}/a.ma',
      site: 'gdrive',
      provider: 'gdrive',
      bytes: 4822,
      tries: 0,
      attemptId: 'a-1',
      durationMs: 1234.5678,
      extra: { retry_after_ms: 5, path: 'never this one', skipped: undefined },
    })
    expect(line).toEqual({
      '@timestamp': '2026-01-02T03:04:05.678Z',
      'log.level': 'info',
      'ecs.version': '8.10.0',
      message: 'done',
      event: { action: 'transfer.succeeded', outcome: 'success', duration: 1_234_567_800 },
      site_sync: {
        project: 'PRJ',
        representation_id: '65f0',
        file_id: '65f1',
        path: '{root[work]}/a.ma',
        site: 'gdrive',
        provider: 'gdrive',
        bytes: 4822,
        tries: 0,
        attempt_id: 'a-1',
        retry_after_ms: 5,
      },
    })
  })

  test('what a line is about stands first, as the schema asks for', async () => {
    const line = await logged((log) => log.event('transfer.failed', { path: '{root}/a', error: new Error('boom') }))
    expect(Object.keys(JSON.parse(line) as object)).toEqual([
      '@timestamp',
      'log.level',
      'ecs.version',
      'message',
      'event',
      'error',
      'site_sync',
    ])
  })

  test.each(actions)('%s has its level, outcome and message', async (action) => {
    const { level, outcome, message } = LOG_ACTIONS[action]
    expect(await lineOf(action)).toMatchObject({ 'log.level': level, event: { action, outcome }, message })
  })

  test('the actions that operators count on have the levels they expect', () => {
    const levels = (
      ['transfer.failed', 'transfer.started', 'transfer.exhausted', 'site.cooling', 'site.misconfigured', 'stream.unavailable'] as const
    ).map((action) => LOG_ACTIONS[action].level)
    expect(levels).toEqual(['error', 'info', 'error', 'warn', 'error', 'warn'])
  })

  test('an event may have a level and an outcome of its own', async () => {
    expect(await lineOf('scan.finished', { level: 'warn', outcome: 'failure' })).toMatchObject({
      'log.level': 'warn',
      event: { outcome: 'failure' },
    })
  })

  test('a known fault gives its code and no stack', async () => {
    const error = new SyncError('SOURCE_MISSING', 'no file at /mnt/w/a.ma', { cause: new Error('ENOENT') })
    expect((await lineOf('transfer.failed', { error }))?.error).toEqual({
      message: 'no file at /mnt/w/a.ma',
      code: 'SOURCE_MISSING',
      type: 'SyncError',
    })
  })

  test('an unexpected fault gives its stack, at level debug only', async () => {
    const error = new TypeError('x is not a function')
    expect((await lineOf('service.unexpected', { error }))?.error).toEqual({
      message: 'x is not a function',
      type: 'TypeError',
      stack_trace: expect.stringContaining('logging.test.ts') as unknown,
    })
    expect((await lineOf('service.unexpected', { error }, { level: 'info' }))?.error).not.toHaveProperty('stack_trace')
    const wrapped = (await lineOf('transfer.failed', { error: toSyncError(error) }))?.error
    expect(wrapped).toMatchObject({ code: 'UNEXPECTED', stack_trace: expect.stringContaining('TypeError: x is not') as unknown })
  })

  test.each([
    ['boom', { message: 'boom', type: 'string' }],
    [{ a: 1 }, { message: '[object Object]', type: 'object' }],
    [undefined, undefined],
    [null, undefined],
  ])('what was thrown may be anything: %j', async (error, expected) => {
    expect((await lineOf('service.unexpected', { error }))?.error).toEqual(expected)
  })

  test('less important lines than the level are not written', async () => {
    const told = ['transfer.retried', 'scan.finished', 'site.cooling', 'transfer.failed'] as const
    const seen = async (level?: LoggerOptions['level']) =>
      (await linesOf((log) => told.forEach((action) => log.event(action)), { level })).map(({ event }) => event.action)
    expect(await seen('debug')).toEqual(['transfer.retried', 'scan.finished', 'site.cooling', 'transfer.failed'])
    expect(await seen()).toEqual(['scan.finished', 'site.cooling', 'transfer.failed'])
    expect(await seen('warn')).toEqual(['site.cooling', 'transfer.failed'])
    expect(await seen('error')).toEqual(['transfer.failed'])
  })

  test('any names and values: one line each, as the schema has it', async () => {
    const name = fc.string({ unit: 'binary', minLength: 1 })
    const fields = fc.record(
      {
        message: name,
        project: name,
        path: name,
        site: name,
        bytes: fc.nat(),
        durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
        error: fc.oneof(
          fc.anything(),
          name.map((text_) => new Error(text_)),
        ),
        extra: fc.dictionary(name, fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true })),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fields, { maxLength: 5 }), async (events) => {
        const written = await logged((log) => events.forEach((event) => log.event('transfer.failed', event)))
        expect(written.split('\n').length).toBe(events.length + 1)
        expect(parseLog(written).length).toBe(events.length)
      }),
      { numRuns: 60 },
    )
  })

  test('an event that can not be looked at is still told of', async () => {
    const extra = Object.defineProperty({}, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('no')
      },
    }) as Record<string, unknown>
    expect(await lineOf('site.cooling', { extra })).toMatchObject({
      event: { action: 'site.cooling' },
      message: 'this event has fields that can not be read',
    })
  })

  test('secrets stand in no line, whatever field they are in', async () => {
    registerSecret('password', 'sw0rdfish-42')
    const secret = 'mongodb://u:hunter2@h, ya29.hunter2, sw0rdfish-42'
    const fields = {
      message: secret,
      project: secret,
      path: secret,
      site: secret,
      error: new Error(secret),
      extra: { [secret]: [{ x: secret }], token: secret },
    }
    for (const format of ['json', 'terminal'] as const) {
      const written = await logged((log) => log.event('transfer.failed', fields), { format, level: 'debug' })
      expect(written).not.toMatch(/hunter2|sw0rdfish/)
      expect(written).toContain('[redacted]')
    }
  })

  test('endless texts are cut', async () => {
    const line = await lineOf('transfer.failed', { path: 'x'.repeat(100_000), error: new Error('y'.repeat(100_000)) })
    expect(JSON.stringify(line).length).toBeLessThan(30_000)
  })
})

describe('terminal lines', () => {
  const fields = { project: 'PRJ', path: '{root}/a.ma', site: 'gdrive', bytes: 4822, durationMs: 1234 }
  const time = clock().toLocaleTimeString('en-GB')

  test.each([
    ['transfer.succeeded', fields, 'info  transfer.succeeded  PRJ  {root}/a.ma → gdrive  4.7 KiB  1.2 s  transfer succeeded'],
    [
      'transfer.failed',
      { ...fields, error: new SyncError('REFUSED', 'no') },
      'error transfer.failed  PRJ  {root}/a.ma → gdrive  4.7 KiB  1.2 s  no',
    ],
    [
      'site.cooling',
      { site: 'gdrive', error: new Error('quota') },
      'warn  site.cooling  → gdrive  site is in trouble; waiting before the next attempt  quota',
    ],
    ['service.ready', {}, 'info  service.ready  ready for work'],
    ['transfer.started', { path: 'a\n\u001b[2J\u202e', bytes: 0 }, 'info  transfer.started  a\\n\\x1b[2J\\u202e  0 B  transfer started'],
    ['scan.finished', { durationMs: 12.3, bytes: 1024 ** 3 }, 'info  scan.finished  1.0 GiB  12 ms  scan finished'],
    ['scan.finished', { durationMs: 125_000 }, 'info  scan.finished  2 min 5 s  scan finished'],
  ] as const)('%s', async (action, values, expected) => {
    expect(await logged((log) => log.event(action, values), { format: 'terminal' })).toBe(`${time} ${expected}\n`)
  })

  test.each([
    ['a terminal', true, {}, true],
    ['a terminal with NO_COLOR', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['a file', false, {}, false],
    ['a file with FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
    ['a file with FORCE_COLOR=0', false, { FORCE_COLOR: '0' }, false],
  ])('colours for %s', async (_, isTTY, env, expected) => {
    const written = await logged((log) => log.event('site.cooling'), { format: 'terminal', env }, new Sink(isTTY))
    expect(written.includes('\u001b[')).toBe(expected)
  })

  test('are chosen for terminals, and JSON for all else', async () => {
    expect(await logged(tellReady, {}, new Sink(true))).toContain('ready for work\n')
    expect(parseLog(await logged(tellReady, {}, new Sink(false)))).toHaveLength(1)
    expect(parseLog(await logged(tellReady, { format: 'json' }, new Sink(true)))).toHaveLength(1)
  })

  test('an unexpected fault shows its stack below, indented', async () => {
    const written = await logged((log) => log.event('service.unexpected', { error: new Error('bo\nom') }), {
      format: 'terminal',
      level: 'debug',
    })
    const [first, ...stack] = written.trimEnd().split('\n')
    expect(first).toContain('bo\\nom')
    expect(stack.length).toBeGreaterThan(1)
    expect(stack.every((row) => row.startsWith('    '))).toBe(true)
  })
})

describe('closing', () => {
  test('waits for a slow reader; nothing is lost and nothing is written afterwards', async () => {
    const stream = new Sink()
    const logger = createLogger({ stream })
    for (let index = 0; index < 2000; index++) logger.event('transfer.started', { attemptId: String(index) })
    await logger.close()
    const lines = parseLog(stream.written)
    expect(lines.map(({ site_sync: own }) => own?.attempt_id)).toEqual(Array.from({ length: 2000 }, (_, index) => String(index)))
    logger.event('service.stopped')
    await logger.close()
    expect(parseLog(stream.written)).toHaveLength(2000)
    expect(stream.writableEnded).toBe(false)
  })

  test('a reader that goes away ends neither the program nor the closing', async () => {
    const stream = new Sink()
    const logger = createLogger({ stream })
    logger.event('service.started')
    stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await new Promise((resolve) => stream.once('close', resolve))
    logger.event('service.ready')
    await logger.close()
    expect(stream.destroyed).toBe(true)
  })

  test('two loggers may share a stream', async () => {
    const stream = new Sink()
    const [one, other] = [createLogger({ stream }), createLogger({ stream })]
    one.event('service.started')
    await one.close()
    other.event('service.stopped')
    await other.close()
    expect(parseLog(stream.written).map(({ event }) => event.action)).toEqual(['service.started', 'service.stopped'])
    expect(stream.listenerCount('error')).toBe(1)
  })
})

describe('a process of its own', () => {
  test('has written every line when it exits right after closing', async () => {
    const child = program(
      "for (let i = 0; i < 3000; i++) log.event('scan.finished', { path: 'x'.repeat(200) }); await log.close(); process.exit(0)",
    )
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    expect(code).toBe(0)
    expect(parseLog(output)).toHaveLength(3000)
  })

  test('goes on when nobody reads its standard output any more', async () => {
    const child = program(`
      log.event('service.started')
      process.stdin.once('data', () => {
        for (let i = 0; i < 1000; i++) log.event('scan.finished', { path: 'x'.repeat(1000) })
        setImmediate(async () => { log.event('scan.finished'); await log.close(); console.error('still here'); process.exit(0) })
      })`)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    await once(child.stdout, 'close')
    child.stdin.end('go')
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(errors).toBe('still here\n')
    expect(code).toBe(0)
  })
})

describe('the schema of a line', () => {
  const good = {
    '@timestamp': '2026-01-02T03:04:05.678Z',
    'log.level': 'info',
    'ecs.version': '8.10.0',
    message: 'x',
    event: { action: 'service.ready', outcome: 'success' },
  }

  test.each([
    ['an unknown action', { event: { action: 'service.dance', outcome: 'success' } }],
    ['an unknown level', { 'log.level': 'fatal' }],
    ['no message', { message: undefined }],
    ['a duration that is no whole number', { event: { ...good.event, duration: 1.5 } }],
    ['a stray key', { pid: 1 }],
    ['no time', { '@timestamp': 'now' }],
  ])('refuses %s', (_, change) => {
    expect(logLineSchema.safeParse(good).success).toBe(true)
    expect(logLineSchema.safeParse({ ...good, ...change }).success).toBe(false)
  })
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { runCommandLine } from '../../../src/commands/command-line.ts'

const said = { out: '', err: '' }
let folder = ''

beforeEach(async () => {
  said.out = ''
  said.err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said.out += String(text)
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.err += String(text)
    return true
  })
  vi.stubEnv('SITE_SYNC_CONFIG', undefined)
  folder = await mkdtemp(join(tmpdir(), 'command-line-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

const run = async (...args: readonly string[]) => runCommandLine(['node', 'site-sync', ...args])

async function configured(content: string): Promise<string> {
  const path = join(folder, 'config.json')
  await writeFile(path, content)
  return path
}

test.each([
  'run',
  'scan',
  'status',
  'explain x',
  'doctor',
  'accept-root x',
  'retry --all',
  'priority 9 --all',
  'diff a b',
  'receipt a --all',
  'verify --all',
  'adopt --site a --all',
  'token create x',
  'token list',
  'token revoke x',
])('%s takes --yes', async (command) => {
  // The configuration is looked at when all of the command line is understood.
  expect(await run(...command.split(' '), '--yes', '--config', join(folder, 'nowhere'))).toBe(2)
  expect(said.err + said.out).toContain('nothing is there')
})

describe('wrong usage is 2, and says what is wrong', () => {
  test.each<[string, readonly string[], string]>([
    ['an unknown command', ['synch'], "unknown command 'synch'"],
    ['an unknown option', ['run', '-c', 'x', '--fast'], "unknown option '--fast'"],
    ['no configuration', ['run'], "required option '-c, --config <path>' not specified"],
    ['no configuration to scan', ['scan', '--once'], "required option '-c, --config <path>' not specified"],
    ['an option without its value', ['run', '--config'], 'argument missing'],
    ['a level that there is not', ['run', '-c', 'x', '--log-level', 'loud'], 'Allowed choices are error, warn, info, debug'],
    ['a format that there is not', ['scan', '-c', 'x', '--log-format', 'xml'], 'Allowed choices are auto, json, terminal'],
    ['nothing to explain', ['explain', '-c', 'x'], "missing required argument 'representation'"],
    ['too much to explain', ['explain', 'a', 'b', '-c', 'x'], 'too many arguments'],
    ['too much to run', ['run', 'now', '-c', 'x'], 'too many arguments'],
  ])('%s', async (_title, args, message) => {
    expect(await run(...args)).toBe(2)
    expect(said.err).toContain(message)
    expect(said.err).toContain('--help')
    expect(said.out).toBe('')
  })

  test('no command at all shows what there is', async () => {
    expect(await run()).toBe(2)
    expect(said.err).toContain('Usage: site-sync')
  })
})

describe('help is 0, on standard output', () => {
  test.each([[['--help']], [['run', '--help']], [['scan', '-h']], [['status', '--help']], [['explain', '--help']], [['help', 'run']]])(
    '%j',
    async (args) => {
      expect(await run(...args)).toBe(0)
      expect(said.out).toContain('Usage: site-sync')
      expect(said.err).toBe('')
    },
  )

  test('tells the exit codes', async () => {
    await run('--help')
    expect(said.out).toContain('Exit codes: 0 done, 1 something failed, 2 wrong usage or configuration.')
  })
})

describe.each(['run', 'scan', 'status'])('a wrong configuration of %s is 2', (command) => {
  test('that is not there', async () => {
    const path = join(folder, 'nothing.json')
    expect(await run(command, '--config', path)).toBe(2)
    expect(said.err).toContain(path)
    expect(said.out).toBe('')
  })

  test('that is no JSON', async () => {
    expect(await run(command, '--config', await configured('{"remote_site": '))).toBe(2)
    expect(said.err).toContain('config.json')
  })

  test('with mistakes: all of them, each with its key, its value and what is allowed', async () => {
    const path = await configured('{"retry_cnt": "many", "loop_delay": -1, "remote_site": "nowhere", "sites": {}}')
    expect(await run(command, '--config', path)).toBe(2)
    expect(said.err).toContain('retry_cnt is "many"')
    expect(said.err).toContain('loop_delay is -1')
    expect(said.err).toContain('remote_site is "nowhere"')
    expect(said.out).toBe('')
  })
})

test('the environment may name the configuration', async () => {
  vi.stubEnv('SITE_SYNC_CONFIG', join(folder, 'elsewhere.json'))
  expect(await run('scan')).toBe(2)
  expect(said.err).toContain('elsewhere.json')
})

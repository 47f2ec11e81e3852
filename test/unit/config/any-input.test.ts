import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { loadSettings } from '../../../src/config/load-settings.ts'
import { ConfigError } from '../../../src/errors.ts'
import { projectSettings } from '../../../src/model/project-settings.ts'
import { folderOf } from './support.ts'

const SECRET = 'Tr0ub4dor-and-3'
const KEYS = [
  'local_id',
  'publish_site',
  'remote_site',
  'retry_cnt',
  'loop_delay',
  'mongo',
  'projects',
  'sites',
  'config',
  'enabled',
  '__proto__',
  'indexes',
  'system',
  'project',
  'type',
  'data',
]
const SITE_KEYS = [
  'provider',
  'root',
  'credentials_url',
  'api_endpoint',
  'concurrency',
  'alternative_sites',
  '__proto__',
  'windows',
  'linux',
]

const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    '3',
    'gdrive',
    'local_drive',
    '/x',
    '{HOME}',
    '{NOPE}',
    '~/',
    '..',
    'file://',
    'mongodb://h',
    '*',
    '[',
    null,
    true,
    3,
    -1,
  ),
  fc.string(),
  fc.double(),
)
const named = (keys: readonly string[], value: fc.Arbitrary<unknown>) =>
  fc.array(fc.tuple(fc.oneof(fc.constantFrom(...keys), fc.string()), value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries))
const inner = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), named(SITE_KEYS, scalar))
const site = fc.oneof({ weight: 3, arbitrary: named(SITE_KEYS, inner) }, inner)
const sites = named(['studio', 'gdrive', '__proto__'], site)
const overrides = named(['PRJ', '__proto__'], named([...KEYS], fc.oneof(inner, sites)))
const syncServer = named(['enabled', 'config', 'sites', 'modules', 'global', 'sync_server', 'data'], fc.oneof(inner, sites))
const stored = named(['type', 'data', 'modules', 'global', 'sync_server', 'project_name'], fc.oneof(inner, syncServer))
const content = named(
  KEYS,
  fc.oneof(
    inner,
    sites,
    syncServer,
    stored,
    named(['uri', 'database', 'state_database', 'include', 'exclude', 'overrides'], fc.oneof(inner, overrides)),
  ),
)

/** What loading led to; anything but settings that can be used, or a `ConfigError` that names a mistake, rejects. */
async function outcomeOf(path: string, platform: NodeJS.Platform = 'linux'): Promise<'taken' | 'refused'> {
  try {
    const { settings } = await loadSettings(path, { HOME: '/home/me' }, platform)
    projectSettings(settings, 'PRJ')
    return 'taken'
  } catch (error) {
    if (error instanceof ConfigError && error.problems.length > 0) return 'refused'
    throw error
  }
}

test('any JSON gives settings or a ConfigError, never another fault', async () => {
  const folder = await folderOf({})
  const file = join(folder, 'config.json')
  const outcomes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(content, fc.constantFrom<NodeJS.Platform>('linux', 'win32', 'darwin'), async (json, platform) => {
      await writeFile(file, JSON.stringify(json))
      outcomes.add(await outcomeOf(file, platform))
    }),
    { numRuns: 400 },
  )
  expect(outcomes).toEqual(new Set(['taken', 'refused']))
})

test('any text gives settings or a ConfigError, never another fault', async () => {
  const folder = await folderOf({})
  const file = join(folder, 'config.json')
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fc.constantFrom('{', '}', '[', ']', '"', ',', ':', 'a', '1', '//', '/*', '\n')).map((parts) => parts.join('')),
  )
  const outcomes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(text, async (written) => {
      await writeFile(file, written)
      outcomes.add(await outcomeOf(folder))
    }),
    { numRuns: 300 },
  )
  expect(outcomes).toContain('refused')
})

test('a password in an address shows in no mistake and no warning, wherever it stands', async () => {
  const folder = await folderOf({})
  const file = join(folder, 'config.json')
  const uri = `mongodb://user:${SECRET}@host/db`
  const leaf = fc.oneof(fc.constant(uri), fc.constant([uri]), fc.constant({ password: SECRET, uri }), inner)
  await fc.assert(
    fc.asyncProperty(
      named(KEYS, fc.oneof(leaf, named(['gdrive', 'uri', 'database', uri], fc.oneof(leaf, named(SITE_KEYS, leaf))))),
      async (json) => {
        await writeFile(file, JSON.stringify(json))
        const said = await loadSettings(file, { HOME: '/home/me' }, 'linux').then(
          ({ warnings }) => warnings.join('\n'),
          (error: unknown) => String(error),
        )
        expect(said).not.toContain(SECRET)
      },
    ),
    { numRuns: 300 },
  )
})

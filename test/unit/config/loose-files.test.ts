import { chmod, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { expect, test } from 'vitest'

import { loadSettings } from '../../../src/config/load-settings.ts'
import { folderOf } from './support.ts'

const GDRIVE = { provider: 'gdrive', root: '/My Drive/work', credentials_url: 'keys/account.json' }

interface Modes {
  readonly config?: number
  readonly folder?: number
  readonly key?: number
  readonly keys?: number
}

/** What is told of a configuration with a key, where the files have these modes. */
async function told(
  modes: Modes,
  { general = {}, env = {}, asFolder = false }: { general?: object; env?: object; asFolder?: boolean } = {},
) {
  const folder = await folderOf({ 'config.json': { remote_site: 'gdrive', sites: { gdrive: GDRIVE }, ...general } })
  const keys = path.join(folder, 'keys')
  await mkdir(keys)
  await writeFile(path.join(keys, 'account.json'), '{}')
  const config = path.join(folder, 'config.json')
  await chmod(path.join(keys, 'account.json'), modes.key ?? 0o600)
  await chmod(keys, modes.keys ?? 0o700)
  await chmod(config, modes.config ?? 0o644)
  await chmod(folder, modes.folder ?? 0o755)
  const { loose, warnings, settings } = await loadSettings(asFolder ? folder : config, { ...env })
  expect(warnings).toEqual([])
  return { loose: loose.map((line) => line.replaceAll(folder, 'DIR')), settings, folder }
}

const KEY = 'DIR/keys/account.json'
const CONFIG = 'DIR/config.json'

test.skipIf(process.platform === 'win32').each<[string, Modes, readonly string[]]>([
  ['as they should be', {}, []],
  ['closed altogether', { config: 0o600, folder: 0o700 }, []],
  ['a key that all can read', { key: 0o644 }, [`${KEY} holds a secret, and others can read it (mode 0644): chmod 600 ${KEY}`]],
  ['a key that its group can read', { key: 0o640 }, [`${KEY} holds a secret, and others can read it (mode 0640): chmod 600 ${KEY}`]],
  ['a key that all can change', { key: 0o602 }, [`${KEY} holds a secret, and others can change it (mode 0602): chmod 600 ${KEY}`]],
  [
    'a configuration that its group can change',
    { config: 0o664 },
    [`${CONFIG} says what is sent where, and others can change it (mode 0664): chmod go-w ${CONFIG}`],
  ],
  [
    'the folder of the keys',
    { keys: 0o777 },
    ['DIR/keys holds configuration or secrets, and others can replace files in it (mode 0777): chmod go-w DIR/keys'],
  ],
  ['where files of others can not be replaced', { keys: 0o1777, folder: 0o1777 }, []],
])('%s', async (_, modes, expected) => {
  expect((await told(modes)).loose).toEqual(expected)
})

test.skipIf(process.platform === 'win32')('in the folder layout a file more is a site more: nobody else may add one', async () => {
  expect((await told({ folder: 0o1777 }, { asFolder: true })).loose).toEqual([
    'DIR holds configuration or secrets, and others can add or replace files in it (mode 1777): chmod go-w DIR',
  ])
})

test.skipIf(process.platform === 'win32')(
  'a configuration with a password in it is a secret; one that names a variable is none',
  async () => {
    const written = { mongo: { uri: 'mongodb://sync:pass-word@127.0.0.1/' } }
    expect((await told({}, { general: written })).loose).toEqual([
      `${CONFIG} holds a secret, and others can read it (mode 0644): chmod 600 ${CONFIG}`,
    ])
    const named = { mongo: { uri: 'mongodb://sync:{SYNC_PASSWORD}@127.0.0.1/' } }
    expect((await told({}, { general: named, env: { SYNC_PASSWORD: 'pass-word' } })).loose).toEqual([])
  },
)

test.skipIf(process.platform === 'win32')('files of the address of the database: its own, and the key of a certificate', async () => {
  const folder = await folderOf({ 'client.pem': 'x', address: 'x' })
  const [pem, address] = [path.join(folder, 'client.pem'), path.join(folder, 'address')]
  await writeFile(address, `mongodb://127.0.0.1/?tls=true&tlsCertificateKeyFile=${encodeURIComponent(pem)}\n`)
  for (const file of [pem, address]) await chmod(file, 0o644)
  const { loose, settings } = await told({}, { env: { SITE_SYNC_MONGO_URI_FILE: address } })
  expect(loose).toEqual([
    `${address} holds a secret, and others can read it (mode 0644): chmod 600 ${address}`,
    `${pem} holds a secret, and others can read it (mode 0644): chmod 600 ${pem}`,
  ])
  // They are never sent either, whatever root leads to them.
  expect(settings.ownFiles).toEqual(expect.arrayContaining([pem, address]))
})

test('credentials that only the override of a project names are kept from being sent, and looked at, like any other', async () => {
  const override = { sites: { gdrive: { credentials_url: 'other.json' } } }
  const { settings, folder } = await told({}, { general: { projects: { overrides: { prj: override } } } })
  expect(settings.ownFiles).toContain(path.join(folder, 'other.json'))
})

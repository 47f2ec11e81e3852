import { link, mkdtemp, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { OwnFiles } from '../../../src/providers/local-drive/own-files.ts'

test('own files are told by what they are, not by their names, and one that was replaced is known a second later', async () => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-own-')))
  onTestFinished(async () => await rm(dir, { recursive: true }))
  const [config, other] = [join(dir, 'config.json'), join(dir, 'other.json')]
  for (const path of [config, other]) await writeFile(path, '{}')
  await link(config, join(dir, 'linked'))
  let now = 0
  const own = new OwnFiles([config, join(dir, 'missing')], () => now)
  const assert = async (path: string): Promise<void> => await own.assertNone(await stat(path, { bigint: true }), path)
  await expect(assert(config)).rejects.toMatchObject({ code: 'BAD_PATH' })
  await expect(assert(join(dir, 'linked'))).rejects.toMatchObject({ code: 'BAD_PATH' })
  await assert(other)
  await rename(other, config)
  now = 1_000
  await expect(assert(config)).rejects.toMatchObject({ code: 'BAD_PATH', message: expect.stringContaining(config) })
  await assert(join(dir, 'linked'))
})

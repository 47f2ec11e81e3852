import { expect, test } from 'vitest'

import { findMongod } from '../../../replica-set-dev/find-mongod.ts'
import type { Probes } from '../../../replica-set-dev/find-mongod.ts'

/** A machine without any mongod; `asked` records the ways that were tried, in order. */
function machine(overrides: Partial<Probes> = {}): { probes: Probes; asked: string[] } {
  const asked: string[] = []
  const bare: Probes = {
    onPath: async () => undefined,
    isExecutable: async () => true,
    version: async () => '6.0.5',
    cachedFromWheel: async () => undefined,
    cachedFromMongoDb: async () => undefined,
    mongoDbAnswers: async () => false,
    downloadFromMongoDb: async () => {
      throw new Error('no route to host')
    },
    fetchWheel: async () => {
      throw new Error('python3: not found')
    },
  }
  const recorded = Object.entries({ ...bare, ...overrides }).map(([name, probe]) => [
    name,
    async (...args: string[]) => {
      asked.push(name)
      return (probe as (...args: string[]) => unknown)(...args)
    },
  ])
  return { probes: Object.fromEntries(recorded), asked }
}

test('an environment variable comes before the PATH, and SITE_SYNC_MONGOD before the other', async () => {
  const { probes, asked } = machine({ onPath: async () => '/usr/bin/mongod' })
  const env = { SITE_SYNC_MONGOD: '/opt/a/mongod', MONGOMS_SYSTEM_BINARY: '/opt/b/mongod' }
  expect(await findMongod({ env, probes })).toEqual({ path: '/opt/a/mongod', version: '6.0.5', source: 'SITE_SYNC_MONGOD' })
  expect(await findMongod({ env: { ...env, SITE_SYNC_MONGOD: '' }, probes })).toMatchObject({ path: '/opt/b/mongod' })
  expect(asked).not.toContain('onPath')
})

test('the PATH comes before what an earlier run kept, and that before any download', async () => {
  const onPath = machine({ onPath: async () => '/usr/bin/mongod', cachedFromWheel: async () => '/cache/mongod' })
  expect(await findMongod({ env: {}, probes: onPath.probes })).toMatchObject({ path: '/usr/bin/mongod', source: 'PATH' })
  const kept = machine({ cachedFromWheel: async () => '/cache/mongod' })
  expect(await findMongod({ env: {}, probes: kept.probes })).toMatchObject({ path: '/cache/mongod' })
  expect(kept.asked).not.toContain('mongoDbAnswers')
  const ofMongoDb = machine({ cachedFromMongoDb: async () => '/cache/mongod-8' })
  expect(await findMongod({ env: {}, probes: ofMongoDb.probes })).toMatchObject({ path: '/cache/mongod-8' })
  expect(ofMongoDb.asked).not.toContain('mongoDbAnswers')
})

test("MongoDB's own download is first where its site answers", async () => {
  const { probes, asked } = machine({ mongoDbAnswers: async () => true, downloadFromMongoDb: async () => '/cache/8/mongod' })
  const notes: string[] = []
  expect(await findMongod({ env: {}, probes, onNote: (note) => notes.push(note) })).toMatchObject({ path: '/cache/8/mongod' })
  expect(asked).not.toContain('fetchWheel')
  expect(notes).toHaveLength(1)
})

test('the wheel is first where its site does not answer, and the other way is still tried', async () => {
  const wheel = machine({ fetchWheel: async () => '/cache/6/mongod' })
  expect(await findMongod({ env: {}, probes: wheel.probes })).toMatchObject({ path: '/cache/6/mongod' })
  expect(wheel.asked).not.toContain('downloadFromMongoDb')
  const proxy = machine({ downloadFromMongoDb: async () => '/cache/8/mongod' })
  expect(await findMongod({ env: {}, probes: proxy.probes })).toMatchObject({ path: '/cache/8/mongod' })
  expect(proxy.asked.filter((name) => /fetch|download/.test(name))).toEqual(['fetchWheel', 'downloadFromMongoDb'])
})

test('a mongod that does not run, or is too old, is passed over', async () => {
  const versions: Record<string, string> = { '/usr/bin/mongod': '4.4.29', '/cache/mongod': '6.0.5' }
  const { probes } = machine({
    onPath: async () => '/usr/bin/mongod',
    cachedFromWheel: async () => '/cache/mongod',
    version: async (file) => {
      const version = versions[file]
      if (version === undefined) throw new Error('libssl.so.1.1: cannot open shared object file')
      return version
    },
  })
  expect(await findMongod({ env: { SITE_SYNC_MONGOD: '/opt/mongod' }, probes })).toMatchObject({ path: '/cache/mongod' })
})

test('when no way leads to one, the message lists every way with its reason, and what helps', async () => {
  const { probes } = machine({
    isExecutable: async () => false,
    onPath: async () => '/usr/bin/mongod',
    version: async () => '4.4.29',
  })
  const failure = findMongod({ env: { SITE_SYNC_MONGOD: '/opt/mongod' }, probes })
  await expect(failure).rejects.toThrow(/SITE_SYNC_MONGOD: \/opt\/mongod is not an executable file/)
  await expect(failure).rejects.toThrow(/MONGOMS_SYSTEM_BINARY: none/)
  await expect(failure).rejects.toThrow(/PATH: \/usr\/bin\/mongod is version 4\.4\.29; 5\.0 or newer is needed/)
  await expect(failure).rejects.toThrow(/MongoDB's own download: no route to host/)
  await expect(failure).rejects.toThrow(/pip: python3: not found/)
  await expect(failure).rejects.toThrow(/What helps.*SITE_SYNC_MONGO_URI/s)
})

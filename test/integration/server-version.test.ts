import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { startOldMongod } from '../support/old-mongod.ts'
import { ServiceProcess } from '../support/service-process.ts'

/** What the driver itself refuses, what it takes, and one whose protocol says more than its version. */
const OLD = [
  { version: '4.2.24', maxWireVersion: 8, said: '4.2' },
  { version: '4.4.29', maxWireVersion: 9, said: '4.4.29' },
  { version: '4.4.29', maxWireVersion: 17, said: '4.4.29' },
] as const

async function configFor(uri: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'site-sync-old-'))
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'config.json')
  const disk = (name: string) => ({ provider: 'local_drive', root: join(dir, name) })
  const sites = { studio: disk('studio'), mirror: disk('mirror') }
  await writeFile(file, JSON.stringify({ publish_site: 'studio', remote_site: 'mirror', mongo: { uri }, sites }))
  return file
}

test.each(OLD)(
  'a server of version $version (protocol $maxWireVersion): run and scan say in one line what is needed, and exit 2',
  async (old) => {
    const config = await configFor(await startOldMongod(old))
    for (const command of ['run', 'scan'] as const) {
      const service = new ServiceProcess([command, '--config', config])
      expect(await service.end()).toBe(2)
      const [failed, ...more] = service.lines.of('service.failed')
      expect(more).toEqual([])
      expect(failed).toMatchObject({ 'log.level': 'error', message: `the MongoDB server is ${old.said}: version 5.0 or newer is needed` })
      expect(service.lines.of('database.lost', 'service.ready')).toEqual([])
      expect([service.stderr, service.fault]).toEqual(['', undefined])
    }
  },
  60_000,
)

test.each(OLD)(
  'a server of version $version (protocol $maxWireVersion): status and explain say so on stderr, and exit 2',
  async (old) => {
    const config = await configFor(await startOldMongod(old))
    for (const command of [['status'], ['status', '--json'], ['explain', 'x']]) {
      const program = new ServiceProcess([...command, '--config', config])
      expect(await program.end()).toBe(2)
      expect([program.stdout, program.stderr]).toEqual(['', `the MongoDB server is ${old.said}: version 5.0 or newer is needed\n`])
    }
  },
  60_000,
)

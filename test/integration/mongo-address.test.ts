import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { ServiceProcess } from '../support/service-process.ts'

const COMMANDS = [['run'], ['scan'], ['status'], ['explain', 'x']] as const

test.each([
  ['mongodb://user:Hunter@Two/Three@127.0.0.1:1/', /^ {2}environment AVALON_MONGO is .*percent-encoded/m],
  [
    'mongodb://user:HunterTwoThree@127.0.0.1:1/?ssl_cert_reqs=CERT_NONE',
    /^ {2}environment AVALON_MONGO option ssl_cert_reqs is "CERT_NONE"/m,
  ],
])('%s: every command exits 2 at once, names the variable, and shows no part of the password', async (uri, said) => {
  const dir = await mkdtemp(join(tmpdir(), 'site-sync-address-'))
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }))
  const config = join(dir, 'config.json')
  const disk = (name: string) => ({ provider: 'local_drive', root: join(dir, name) })
  await writeFile(config, JSON.stringify({ remote_site: 'mirror', sites: { studio: disk('studio'), mirror: disk('mirror') } }))
  const programs = COMMANDS.map((command) => new ServiceProcess([...command, '--config', config], { AVALON_MONGO: uri }))
  for (const program of programs) {
    expect(await program.end()).toBe(2)
    expect(program.stderr).toMatch(said)
    expect(program.stdout + program.stderr).not.toMatch(/Hunter|Two|Three/)
  }
})

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'

import { expect, onTestFinished, test } from 'vitest'

import { startFakeDrive } from '../../support/fake-drive/fake-drive.ts'
import { entry, inArray, recordOf, representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const MIB = 1024 * 1024
/** Looks like nothing that a pattern would know. */
const marked = (what: string): string => `${what} ${randomBytes(9).toString('base64')}&=`

const spellings = (secret: string): string[] => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]

test('secrets of every kind, which a server echoes and documents hold: in no line, record, report or answer', async () => {
  const stage = await Stage.open()
  const drive = await startFakeDrive()
  onTestFinished(async () => await drive.close())
  drive.addFolder('w')
  const user = { name: 'svc', password: marked('of the database') }
  await stage.db.command({ createUser: user.name, pwd: user.password, roles: [{ role: 'root', db: 'admin' }] })
  const [ofSite, inPath, ofClient] = [marked('of a site'), marked('in a path').replaceAll('/', ''), marked('of the client')]
  const credentials = await drive.writeCredentials(stage.dir, { client_secret: ofClient })
  const gdrive = { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: credentials, api_endpoint: drive.endpoint }
  const config = await writeConfig(stage, {
    user,
    general: { remote_site: 'gdrive', loop_delay: 3_600, retry_cnt: 9 },
    sites: { mirror: undefined, gdrive, other: { provider: 'sftp', sftp_pass: ofSite, notes: { api_key: inPath }, root: { work: '/x' } } },
  })
  const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'])
  await service.lines.until('service.ready', 1, { withinMs: 30_000 })

  // An upload with an address of its own, and a token that is not the present one when it is echoed.
  await stage.file('large', Buffer.alloc(6 * MIB))
  const large = representation([entry('{root[work]}/large', inArray('gdrive'))])
  await stage.insert(large)
  await stage.synced(large, { withinMs: 30_000 })
  const { upload_id: session = '' } = drive.journal.of('upload.chunk')[0]?.query ?? {}
  const token = drive.journal.of('upload.chunk')[0]?.authorization?.replace('Bearer ', '') ?? ''
  drive.expireTokens()
  const key = JSON.parse(await readFile(credentials, 'utf8')) as { private_key: string }
  const [, line = ''] = key.private_key.split('\n')
  const secrets = [user.password, ofSite, ofClient, inPath, session, token, line]
  expect(secrets.every(({ length }) => length > 12)).toBe(true)

  // Each comes back in a refusal, as it is and encoded.
  const failed = []
  for (const [n, secret] of secrets.flatMap(spellings).entries()) {
    await stage.file(`echo/${n}`)
    drive.clearFaults()
    drive.fault({ on: 'upload.multipart', times: 9, effect: { kind: 'error', status: 400, reason: 'invalid', message: `not ${secret}` } })
    const document = representation([entry(`{root[work]}/echo/${n}`, inArray('gdrive'))])
    await stage.insert(document)
    const { error } = await stage.until(document, 'a try', ({ tries }) => tries === 1)
    expect(error).toContain('not [redacted]')
    failed.push(document)
  }
  drive.clearFaults()
  // Somebody wrote one down: into a path, and into the record of an earlier attempt.
  const written = representation([entry(`{root[work]}/none/${inPath}`, inArray({ name: 'gdrive', error: `earlier: ${ofSite}` }))])
  await stage.insert(written)
  await stage.until(written, 'a try', ({ tries }) => tries === 1)
  // The site as a whole is in trouble with it.
  drive.fault({ on: '*', times: 10_000, effect: { kind: 'error', status: 403, reason: 'forbidden', message: `not for ${session}` } })
  await stage.file('last')
  await stage.insert(representation([entry('{root[work]}/last', inArray('gdrive'))]))
  await service.lines.until('site.cooling', 1, { withinMs: 30_000 })
  const reports = stage.state.collection('instances')
  await waitFor('the report', async () => (await reports.findOne({ 'sites.error': { $type: 'string' } })) !== null)

  const said: string[] = []
  const ids = [large, written, ...failed.slice(0, 2)].map(({ _id }) => String(_id))
  for (const args of [
    ['status'],
    ['status', '--json'],
    ...ids.flatMap((id) => [
      ['explain', id],
      ['explain', id, '--json'],
    ]),
  ]) {
    const command = new ServiceProcess([...args, '--config', config])
    expect([await command.end(30_000), command.stderr]).toEqual([0, ''])
    said.push(command.stdout)
  }
  expect(said.join('\n')).toContain('not [redacted]')
  service.signal('SIGTERM')
  expect(await service.end(30_000)).toBe(0)
  const records = (await stage.project().find().toArray()).map(({ files }) => ({ ...recordOf(files[0], 'gdrive') }))
  const everything = [service.stdout, service.stderr, ...said, JSON.stringify(await reports.find().toArray())]
  for (const secret of secrets.flatMap(spellings)) for (const text of everything) expect(text).not.toContain(secret)
  // What a person wrote into a record stays until the record is written anew.
  for (const secret of secrets.flatMap(spellings)) expect(JSON.stringify(records)).not.toContain(secret)
  const leases = JSON.stringify(await stage.state.collection('leases').find().toArray())
  for (const secret of secrets.filter((one) => one !== inPath).flatMap(spellings)) expect(leases).not.toContain(secret)
}, 120_000)

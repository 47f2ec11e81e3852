import { writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { HttpSettings } from '../../src/model/http-settings.ts'
import { addressOf, ask, HTTP, newToken } from '../support/http-client.ts'
import { Stage, type Running } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { CERT, KEY } from '../support/tls.ts'

async function serve(http: Partial<HttpSettings> = {}): Promise<{ stage: Stage; running: Running; address: string }> {
  const stage = await Stage.open({ settings: { http: { ...HTTP, ...http } } })
  const running = await stage.start()
  return { stage, running, address: await addressOf(running) }
}

const ACTION = { method: 'POST', body: { selection: { all: true }, dry_run: true } }
const RETRY = '/api/v1/actions/retry'

test('who comes from this machine may read; an action takes a token with the scope "operate"', async () => {
  const { stage, running, address } = await serve()
  const [read, operate] = [await newToken(stage, 'read'), await newToken(stage, 'operate')]
  const status = await ask(address, '/api/v1/status')
  expect([status.status, status.type]).toEqual([200, 'application/json; charset=utf-8'])
  expect(status.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  expect(status.headers['content-security-policy']).toContain("default-src 'none'")
  expect(status.headers['access-control-allow-origin'] ?? status.headers['set-cookie']).toBeUndefined()

  const refused = await ask(address, RETRY, ACTION)
  expect([refused.status, refused.type]).toEqual([401, 'application/problem+json; charset=utf-8'])
  expect(refused.headers['www-authenticate']).toBe('Bearer')
  expect(refused.body).toMatchObject({ status: 401, title: 'Unauthorized', detail: 'a token is needed; see "site-sync token create"' })
  const narrow = await ask(address, RETRY, { ...ACTION, token: read })
  expect([narrow.status, narrow.headers['www-authenticate']]).toEqual([403, 'Bearer error="insufficient_scope", scope="operate"'])
  expect((await ask(address, RETRY, { ...ACTION, token: operate })).status).toBe(200)
  expect((await ask(address, RETRY, { token: operate })).status).toBe(404)
  // A token that is wrong is no request without one.
  expect((await ask(address, '/api/v1/status', { token: 'wrong' })).status).toBe(401)
  expect((await ask(address, '/api/v1/status', { token: read })).status).toBe(200)
  expect(running.lines.text).not.toContain(operate)
  await running.stop()
})

test('a name that is not trusted is answered with 421, a proxy for nobody in particular with 401', async () => {
  const { running, address } = await serve({ trustedHosts: ['sync.studio.example'] })
  const of = async (headers: Readonly<Record<string, string>>) => (await ask(address, '/api/v1/status', { headers })).status
  for (const host of ['localhost', 'localhost:1', '[::1]:8787', 'sync.studio.example', 'SYNC.studio.example:443'])
    expect([host, await of({ host })]).toEqual([host, 200])
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost@evil.example', '10.0.0.1', 'a b'])
    expect([host, await of({ host })]).toEqual([host, 421])
  expect(await of({ 'x-forwarded-for': '203.0.113.9' })).toBe(401)
  await running.stop()
})

test('without anonymous_read even this machine needs a token; read_only takes no action', async () => {
  const { stage, running, address } = await serve({ anonymousRead: false, readOnly: true })
  const [read, operate] = [await newToken(stage, 'read'), await newToken(stage, 'operate')]
  expect((await ask(address, '/api/v1/status')).status).toBe(401)
  expect((await ask(address, '/api/v1/status', { token: read })).status).toBe(200)
  expect((await ask(address, RETRY, { ...ACTION, token: operate })).status).toBe(403)
  const described = (await ask(address, '/openapi.json', { token: read })).body as { readonly paths: object }
  expect(Object.keys(described.paths)).toContain('/api/v1/status')
  expect(Object.keys(described.paths).filter((path) => path.includes('/actions/'))).toEqual([])
  await running.stop()
})

test('failures are limited, and a valid token gets through all the same; one that was revoked does not', async () => {
  const { stage, running, address } = await serve()
  const read = await newToken(stage, 'read')
  const statuses: number[] = []
  for (let n = 0; n < 32; n++) statuses.push((await ask(address, '/api/v1/status', { token: `wrong-${n}` })).status)
  expect([statuses[0], statuses.at(-1)]).toEqual([401, 429])
  const last = await ask(address, '/api/v1/status', { token: 'wrong' })
  expect(Number(last.headers['retry-after'])).toBeGreaterThan(0)
  expect((await ask(address, '/api/v1/status', { token: read })).status).toBe(200)
  await stage.state.collection('tokens').deleteMany({})
  expect((await ask(address, '/api/v1/status', { token: read })).status).toBe(429)
  await running.stop()
})

test('bodies have 1 MiB at most, and nothing but JSON', async () => {
  const { stage, running, address } = await serve()
  const token = await newToken(stage, 'operate')
  const post = async (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    await ask(address, RETRY, { method: 'POST', token, body, headers })
  expect((await post({ selection: { all: true }, dry_run: true, yes: true })).status).toBe(200)
  expect((await post({ selection: { error: 'x'.repeat(1_048_576) } })).status).toBe(413)
  expect((await post('selection=all', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415)
  expect((await post('{"selection"', {})).status).toBe(400)
  expect((await post('{"__proto__": {"a": 1}, "selection": {"all": true}}')).status).toBe(400)
  await running.stop()
})

test('a port that is taken is told once; syncing goes on, and it listens when the port is free', { timeout: 60_000 }, async () => {
  const first = await serve()
  const port = Number(new URL(first.address).port)
  const stage = await Stage.open({ settings: { http: { ...HTTP, port } } })
  const running = await stage.start()
  await running.lines.until('http.failed')
  await stage.synced(await stage.publish('a.ma'))
  await first.running.stop()
  expect(await addressOf(running)).toBe(first.address)
  expect(running.lines.count('http.failed')).toBe(1)
  await running.stop()
})

test('TLS, as soon as the certificate can be read', { timeout: 60_000 }, async () => {
  const stage = await Stage.open()
  const tls = { certFile: join(stage.dir, 'cert.pem'), keyFile: join(stage.dir, 'key.pem') }
  const running = await stage.start({ settings: { ...stage.settings, http: { ...HTTP, tls } } })
  await running.lines.until('http.failed')
  await writeFile(tls.keyFile, KEY)
  await writeFile(tls.certFile, CERT)
  const address = await addressOf(running)
  expect(address).toMatch(/^https:/)
  const status = await new Promise((resolve, reject) => {
    get(`${address}/api/v1/status`, { ca: CERT, agent: false }, (message) => {
      resolve(message.statusCode)
      message.resume()
    }).on('error', reject)
  })
  expect(status).toBe(200)
  await running.stop()
})

test('without the key nothing listens', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  await running.stop()
  expect(running.lines.count('http.listening', 'http.failed')).toBe(0)
})

test('token create, list and revoke: only hashes are stored, and the audit says who', { timeout: 90_000 }, async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { general: { http: { enabled: true, host: '0.0.0.0', port: 0, behind_proxy: true } } })
  const run = async (...args: readonly string[]) => {
    const command = new ServiceProcess([...args, '--config', config])
    return { code: await command.end(), stdout: command.stdout, stderr: command.stderr }
  }
  const refused = await run('run', '--log-format', 'json')
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('http.host is "0.0.0.0"')])

  expect((await run('token', 'create', 'farm', '--dry-run')).code).toBe(0)
  expect(await stage.state.collection('tokens').countDocuments()).toBe(0)
  const created = await run('token', 'create', 'farm', '--scope', 'operate', '--json')
  const said = JSON.parse(created.stdout) as { name: string; scope: string; token: string }
  expect(said).toEqual({ name: 'farm', scope: 'operate', token: expect.stringMatching(/^sst_[\w-]{40,}$/) as string })
  const stored = await stage.state.collection('tokens').find().toArray()
  expect(JSON.stringify(stored)).not.toContain(said.token)
  expect((await run('token', 'create', 'farm')).code).toBe(1)
  expect((await run('token', 'create', 'a b')).code).toBe(2)
  expect((JSON.parse((await run('token', 'list', '--json')).stdout) as { tokens: object[] }).tokens).toMatchObject([
    { name: 'farm', scope: 'operate' },
  ])

  const service = new ServiceProcess(['run', '--log-format', 'json', '--config', config])
  const address = (await addressOf(service)).replace('0.0.0.0', '127.0.0.1')
  expect((await ask(address, '/api/v1/status', { token: said.token })).status).toBe(200)
  expect((await run('token', 'revoke', 'farm', '--json')).code).toBe(0)
  expect((await ask(address, '/api/v1/status', { token: said.token })).status).toBe(401)
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect((await run('token', 'revoke', 'farm')).code).toBe(1)
  const audited = await stage.state.collection('audit').find().sort({ at: 1 }).toArray()
  expect(audited.map(({ action, selection }) => [action, selection])).toEqual([
    ['token create', { name: 'farm', scope: 'operate' }],
    ['token revoke', { name: 'farm' }],
  ])
})

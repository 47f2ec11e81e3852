import { request as httpRequest } from 'node:http'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { addressOf, ask, HTTP, newToken } from '../support/http-client.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'

/** What is sent, as bytes where it matters. */
interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** The status; undefined where the connection was closed, or the answer is still waited for. */
async function statusOf(
  address: string,
  { method, path, headers, body }: Sent,
): Promise<{ status: number | undefined; type: string | undefined }> {
  const { hostname, port } = new URL(address)
  return await new Promise((resolve) => {
    const ended = (): void => resolve({ status: undefined, type: undefined })
    const sent = httpRequest({ hostname, port, method, path, headers, agent: false, timeout: 1_500 }, (message) => {
      resolve({ status: message.statusCode, type: message.headers['content-type'] })
      message.on('error', ended).destroy()
    })
    sent.on('timeout', () => sent.destroy()).on('error', ended)
    sent.end(body)
  })
}

const odd = fc.constantFrom(
  '',
  '\0',
  '%',
  '%00',
  '%ff',
  '%E0%A4%A',
  '..',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '$where',
  'a.b',
  '$x',
  'system.views',
  '{"$gt":""}',
  'NaN',
  '-1',
  '0',
  '201',
  '1e309',
  'null',
  'true',
  '🎞',
  '\ud800',
  'a/b/c/d',
  'p'.padEnd(3_000, 'A'),
  'pe30',
  'x'.repeat(5_000),
  PROJECT,
  'gdrive',
  'pending,failed',
  '-asset',
)
const value = fc.oneof(odd, fc.string(), fc.string({ unit: 'binary' }), fc.integer().map(String), fc.double().map(String))

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())
/** As the client lets it through: no spaces, and nothing beyond Latin 1. */
const raw = (text: string): string => text.replaceAll(/[^\u0021-\u00ff]|[#]/g, '')
const part = fc.tuple(value, fc.boolean()).map(([text, isRaw]) => (isRaw ? raw(text) : encoded(text)))

const json = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.constantFrom(
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{"selection":[]}',
    '{"selection":{"all":1}}',
    '[['.repeat(20_000),
    `{"selection":{"name":"${'x'.repeat(200_000)}"}}`,
  ),
)
const keys = ['representation', 'project', 'asset', 'subset', 'version', 'name', 'site', 'state', 'error', 'all', '__proto__', 'colour']
const anyValue = fc.oneof(value, fc.boolean(), fc.integer(), fc.double(), fc.constant(null), fc.array(value, { maxLength: 2 }))
const selection = fc.dictionary(fc.constantFrom(...keys), anyValue, { maxKeys: 4 })
const more = fc.dictionary(fc.constantFrom('dry_run', 'priority', 'for', 'until', 'why', 'background', 'yes', 'x'), anyValue, {
  maxKeys: 3,
})
const body = fc.oneof(
  json,
  fc.tuple(selection, more).map(([selected, rest]) => JSON.stringify({ selection: selected, ...rest }).toWellFormed()),
  fc.uint8Array({ maxLength: 200 }),
)
const bodyHeaders = fc.constantFrom<Readonly<Record<string, string>>>(
  { 'content-type': 'application/json' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  { 'content-type': 'text/plain' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': '%' },
  { 'content-type': 'application/json', expect: '100-continue' },
  {},
)

test('no route answers 500, whatever it is asked', { timeout: 240_000 }, async () => {
  const stage = await Stage.open({ settings: { http: HTTP, serve: ['studio'] } })
  const running = await stage.start()
  const address = await addressOf(running)
  const token = await newToken(stage, 'operate')
  await stage.insert(
    representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', tries: 1 }))]),
    representation('odd', { context: [] }),
  )
  const { body: described } = await ask(address, '/openapi.json')
  const routes = Object.entries(described['paths'] as Record<string, Record<string, object>>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
  )
  expect(routes.length).toBeGreaterThan(15)

  const seen = new Map<number, number>()
  const sent = async (request: Sent): Promise<void> => {
    const { status, type } = await statusOf(address, request)
    if (status === undefined) return
    seen.set(status, (seen.get(status) ?? 0) + 1)
    const isSaid = status < 400 || request.method === 'HEAD' || /^application\/(?:problem\+)?json/.test(type ?? '')
    expect({ request, status, type, isWell: status < 500 && isSaid }).toMatchObject({ isWell: true })
  }
  const query = fc.array(
    fc.tuple(fc.constantFrom('site', 'project', 'state', 'asset', 'error', 'q', 'sort', 'cursor', 'limit', 'timeout', 'x'), part),
    {
      maxLength: 4,
    },
  )
  for (const { path, method } of routes) {
    const requests = fc.record({ parts: fc.array(part, { minLength: 2, maxLength: 2 }), query, body, headers: bodyHeaders })
    const property = fc.asyncProperty(requests, async (some) => {
      const values = [...some.parts]
      const filled = path.replaceAll(/\{\w+\}/g, () => values.pop() ?? '')
      const search = some.query.map(([key, text]) => `${key}=${text}`).join('&')
      const headers = { authorization: `Bearer ${token}`, ...(method === 'POST' && some.headers) }
      await sent({ method, path: `${filled}${search === '' ? '' : `?${search}`}`, headers, ...(method === 'POST' && { body: some.body }) })
    })
    await fc.assert(property, { numRuns: 40, endOnFailure: true })
  }
  // What there is no route for, and what says who asks.
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND')
  const headerText = value.map((text) => text.replaceAll(/[^\u0021-\u007e]/g, ''))
  const anywhere = fc.asyncProperty(
    method,
    fc.array(part, { maxLength: 4 }),
    headerText,
    headerText,
    async (verb, parts, authorization, host) => {
      await sent({ method: verb, path: `/${parts.join('/')}`, headers: { authorization, ...(host !== '' && { host }) } })
    },
  )
  await fc.assert(anywhere, { numRuns: 150, endOnFailure: true })

  // It did get to where requests are understood.
  for (const status of [200, 400, 401, 404, 415, 421])
    expect([status, seen.get(status) ?? 0]).toEqual([status, expect.toSatisfy((count: number) => count > 0)])
  expect(running.lines.of('service.unexpected').map(({ message }) => message)).toEqual([])
  expect((await ask(address, '/api/v1/status', { token })).status).toBe(200)
  await running.stop()
})

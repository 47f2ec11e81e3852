import { readFile } from 'node:fs/promises'

import type { FastifyInstance, RouteOptions } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import type { z } from 'zod'

import { HttpDatabase } from '../../src/http/database.ts'
import { apiRoutes } from '../../src/http/routes.ts'
import { httpServer } from '../../src/http/server.ts'
import { ActivityRecord } from '../../src/model/activity.ts'
import { Metrics } from '../../src/metrics/metrics.ts'
import { accessTokens } from '../../src/streams/access-tokens.ts'
import { HTTP, newToken } from '../support/http-client.ts'
import { recordingLog } from '../support/log-recorder.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'

interface Described {
  readonly openapi: string
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { summary?: string; requestBody?: object; responses?: Record<string, object> }>>>
  >
}

const WELL = { isReady: true, isOff: false, stream: 'open' } as const

/** The server without a service around it, and every route that it has. */
async function server(): Promise<{
  stage: Stage
  app: FastifyInstance
  routes: readonly RouteOptions[]
  get: (url: string) => Promise<unknown>
}> {
  const stage = await Stage.open({ settings: { http: HTTP } })
  const database = new HttpDatabase({
    settings: () => stage.settings,
    openProvider: async (site) => await Promise.resolve(stage.spy(site.name).open(site)),
  })
  const { lines: _lines, ...log } = recordingLog()
  const signal = new AbortController().signal
  const metrics = new Metrics(async () => await Promise.reject(new Error('nobody asks')))
  const api = apiRoutes({
    database,
    metrics,
    state: () => WELL,
    log,
    signal,
    instance: 'this',
    running: () => [],
    watched: () => undefined,
    activity: { read: () => new ActivityRecord().read(Date.now()), speeds: () => [] },
  })
  const routes: RouteOptions[] = []
  const seen = (app: FastifyInstance): void => void app.addHook('onRoute', (route) => void routes.push(route))
  const findToken = async (token: string) => await accessTokens(stage.state).find(token)
  const app = await httpServer({ http: HTTP, log, findToken, routes: [seen, ...api.all] })
  onTestFinished(async () => {
    api.close()
    await app.close()
    await api[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })
  const token = await newToken(stage, 'operate')
  const headers = { host: 'localhost', authorization: `Bearer ${token}` }
  const get = async (url: string): Promise<unknown> => {
    const { statusCode, json } = await app.inject({ url, headers })
    expect([url, statusCode]).toEqual([url, 200])
    return json()
  }
  return { stage, app, routes, get }
}

const methodsOf = ({ method }: RouteOptions): readonly string[] => [method].flat().filter((each) => each !== 'HEAD')
const asTemplate = (url: string): string => url.replaceAll(/:(\w+)/g, '{$1}')

test('every route is described, with what it takes and answers, and named in docs/api.md', async () => {
  const { routes, get } = await server()
  const described = (await get('/api/v1/openapi.json')) as Described
  expect(described.openapi).toBe('3.1.0')
  expect(await get('/openapi.json')).toEqual(described)
  const all = routes.flatMap((route) => methodsOf(route).map((method) => ({ method, path: asTemplate(route.url) })))
  expect(all.length).toBeGreaterThan(15)
  const docs = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8')
  const faults = all.flatMap(({ method, path }) => {
    const { summary = '', requestBody, responses = {} } = described.paths[path]?.[method.toLowerCase()] ?? {}
    const isDescribed = summary !== '' && '200' in responses && (method !== 'POST' || requestBody !== undefined)
    return isDescribed && docs.includes(`${method} ${path}`) ? [] : [`${method} ${path}`]
  })
  expect(faults).toEqual([])
  expect(Object.keys(described.paths).toSorted()).toEqual([...new Set(all.map(({ path }) => path))].toSorted())
})

test('answers are as described', async () => {
  const { stage, routes, get } = await server()
  const documents = [
    representation([
      entry('{root[work]}/a.ma', inArray({ name: 'gdrive', tries: 3, error: 'x', last_failed_dt: T0, priority: 80 }), { size: 10 }),
    ]),
    representation([entry('{root[work]}/b.ma', inArray({ name: 'gdrive', created_dt: T0, id: 'remote' }))]),
    representation([entry('{root[work]}/c.ma', inArray({ name: 'gdrive', paused: true }))], { context: 'none', name: 7 }),
  ]
  await stage.insert(...documents)
  await stage.state
    .collection('audit')
    .insertOne({ at: T0, who: 'anna', action: 'retry', selection: { site: 'gdrive' }, records: 1, representations: 1 })
  await stage.state
    .collection('controls')
    .insertOne({ kind: 'pause', database: stage.db.databaseName, site: 'gdrive', who: 'anna', since: T0 })
  const running = await stage.start({ settings: { ...stage.settings, serve: ['studio'] } })
  const schemaOf = (url: string): z.ZodType => {
    const route = routes.find((each) => each.url === url && methodsOf(each).includes('GET'))
    const schemas = route?.schema?.response as Record<number, z.ZodType> | undefined
    if (!schemas?.[200]) throw new Error(`there is no route ${url}`)
    return schemas[200]
  }
  for (const url of ['/api/v1/status', '/api/v1/sites', '/api/v1/projects', '/api/v1/transfers', '/api/v1/audit']) {
    const parsed = schemaOf(url).safeParse(await get(url))
    expect([url, parsed.error?.issues]).toEqual([url, undefined])
  }
  for (const { _id } of documents) {
    const parsed = schemaOf('/api/v1/representations/:project/:id').safeParse(
      await get(`/api/v1/representations/${PROJECT}/${String(_id)}`),
    )
    expect(parsed.error?.issues).toBeUndefined()
  }
  const wait = await get(`/api/v1/representations/${PROJECT}/${String(documents[1]?._id)}/wait?site=gdrive`)
  expect(schemaOf('/api/v1/representations/:project/:id/wait').safeParse(wait).success).toBe(true)
  await running.stop()
})

import type { FastifyInstance } from 'fastify'
import { MongoNetworkError } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'

import { httpServer, type ServerParts } from '../../../src/http/server.ts'
import { HTTP } from '../../support/http-client.ts'
import { recordingLog } from '../../support/log-recorder.ts'

const HOST = { host: 'localhost' }
const READER = { name: 'reader', scope: 'read', created: new Date(), who: 'a test' } as const

async function server(parts: Partial<ServerParts>) {
  const { lines, ...log } = recordingLog()
  const app = await httpServer({ http: HTTP, log, findToken: async () => await Promise.resolve(READER), routes: [], ...parts })
  onTestFinished(async () => {
    await app.close()
  })
  return { app, lines }
}

const route = (url: string, work: () => unknown, access?: 'public') => (app: FastifyInstance) => {
  app.get(url, { schema: { hide: true }, ...(access && { config: { access } }) }, async () => await Promise.resolve(work()))
}
const findToken = async () => await Promise.reject(new MongoNetworkError('gone'))
const fails = (): never => {
  throw new Error('what nobody is to know')
}

test('a fault that nobody expected is told in the log, and not to who asked', async () => {
  const { app, lines } = await server({ routes: [route('/fails', fails)] })
  const answer = await app.inject({ url: '/fails', headers: { ...HOST, authorization: 'Bearer x' } })
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([500, 'application/problem+json; charset=utf-8'])
  expect(answer.body).not.toContain('nobody is to know')
  expect(lines.of('service.unexpected')[0]?.message).toBe('GET /fails: what nobody is to know')
})

test('503 while MongoDB does not answer; what is public is answered all the same, under a trusted name', async () => {
  const { app, lines } = await server({
    findToken,
    routes: [route('/healthz', () => ({ ok: true }), 'public'), route('/read', () => ({}))],
  })
  const read = await app.inject({ url: '/read', headers: { ...HOST, authorization: 'Bearer x' } })
  expect([read.statusCode, read.headers['retry-after']]).toEqual([503, '5'])
  expect((await app.inject({ url: '/healthz', headers: HOST })).json()).toEqual({ ok: true })
  expect((await app.inject({ url: '/healthz', headers: { host: 'evil.example' } })).statusCode).toBe(421)
  expect((await app.inject({ url: '/read', headers: HOST })).statusCode).toBe(401)
  expect(lines.count('service.unexpected')).toBe(0)
})

test('secrets are taken out of what is answered', async () => {
  const { app } = await server({
    routes: [route('/read', () => ({ error: 'password=hunter2', command: 'site-sync retry --error "token=abc"' }))],
  })
  const { body } = await app.inject({ url: '/read', headers: { ...HOST, authorization: 'Bearer x' } })
  expect(body).not.toContain('hunter2')
  expect(body).toContain('token=abc')
})

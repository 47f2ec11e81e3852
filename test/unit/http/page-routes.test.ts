import { expect, onTestFinished, test } from 'vitest'

import { pageFiles } from '../../../src/http/page-files.ts'
import { pageRoutes } from '../../../src/http/page-routes.ts'
import { httpServer } from '../../../src/http/server.ts'
import { HTTP } from '../../support/http-client.ts'
import { recordingLog } from '../../support/log-recorder.ts'

const HOST = { host: 'localhost' }
const files = await pageFiles()

async function served() {
  const { lines: _lines, ...log } = recordingLog()
  const app = await httpServer({ http: HTTP, log, findToken: async () => await Promise.resolve(undefined), routes: [pageRoutes(files)] })
  onTestFinished(async () => {
    await app.close()
  })
  return async (url: string, known?: string) =>
    await app.inject({ url, headers: { ...HOST, ...(known !== undefined && { 'if-none-match': known }) } })
}

test('a browser asks whether it has a file of the page still as it is, and is not sent it again', async () => {
  const get = await served()
  for (const [address, { body, etag }] of files) {
    const first = await get(address)
    expect([address, first.statusCode, first.headers['cache-control'], first.headers['etag']]).toEqual([address, 200, 'no-cache', etag])
    expect(first.rawPayload.equals(body)).toBe(true)
    for (const known of [etag, `W/${etag}`, `"of before", ${etag}`, '*']) {
      const again = await get(address, known)
      expect([again.statusCode, again.headers['etag'], again.rawPayload.length]).toEqual([304, etag, 0])
      expect(again.headers['content-security-policy']).toContain("default-src 'none'")
    }
    expect((await get(address, '"of before"')).statusCode).toBe(200)
  }
})

test('files that differ have validators that differ', () => {
  const bodies = new Map([...files.values()].map(({ body, etag }) => [body.toString('base64'), etag]))
  expect(new Set(bodies.values()).size).toBe(bodies.size)
})

test('what is refused is kept by nobody', async () => {
  const get = await served()
  expect((await get('/page/nothing.js')).headers['cache-control']).toBe('no-store')
})

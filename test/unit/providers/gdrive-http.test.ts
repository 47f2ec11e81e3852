import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { HttpClient } from '../../../src/providers/gdrive/http-client.ts'
import { noSignal } from '../../support/fake-drive/rig.ts'

let server: Server
let sockets: Socket[]
let client: HttpClient
let answer: (socket: Socket) => void
beforeEach(async () => {
  sockets = []
  answer = () => {}
  client = new HttpClient({ connectMs: 100, idleMs: 200 })
  server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  client.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

function url(scheme = 'http'): string {
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/secret?upload_id=SECRET`
}

const call = { method: 'GET', headers: {}, signal: noSignal }

test('a connection that does not come about is given up', async () => {
  // A server that never shakes hands.
  const fault = await client.send({ ...call, url: url('https') }).catch((error: unknown) => error)
  expect(fault).toMatchObject({ code: 'INTERRUPTED', message: expect.stringContaining('no connection') as string })
  expect((fault as Error).message).not.toContain('SECRET')
})

test('silence is given up', async () => {
  await expect(client.send({ ...call, url: url() })).rejects.toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringContaining('no byte') as string,
  })
})

test('a redirect is an answer', async () => {
  answer = (socket) => socket.write('HTTP/1.1 308 Resume Incomplete\r\nRange: bytes=0-9\r\nContent-Length: 0\r\n\r\n')
  expect(await client.send({ ...call, url: url() })).toMatchObject({ status: 308, headers: { range: 'bytes=0-9' }, body: '' })
})

test('an answer that comes before the whole body is taken, and the rest not sent', async () => {
  answer = (socket) => socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
  let pieces = 0
  const body = {
    length: 1_000_000_000,
    async *open(): AsyncGenerator<Buffer> {
      for (;;) {
        pieces++
        await new Promise((resolve) => setImmediate(resolve))
        yield Buffer.alloc(65_536)
      }
    },
  }
  expect(await client.send({ ...call, method: 'PUT', url: url(), body })).toMatchObject({ status: 403, body: 'no' })
  const sent = pieces
  await new Promise((resolve) => setImmediate(resolve))
  expect(pieces - sent).toBeLessThanOrEqual(1)
  expect(pieces).toBeLessThan(10_000)
})

test('what reading the source throws is passed on', async () => {
  const body = {
    length: 10,
    async *open(): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.alloc(5))
      throw new Error('the disk is gone')
    },
  }
  await expect(client.send({ ...call, method: 'PUT', url: url(), body })).rejects.toThrow('the disk is gone')
})

test('a connection is used again', async () => {
  answer = (socket) => {
    const reply = (): void => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    socket.on('data', reply)
    reply()
  }
  for (let index = 0; index < 5; index++) expect((await client.send({ ...call, url: url() })).body).toBe('ok')
  expect(sockets).toHaveLength(1)
})

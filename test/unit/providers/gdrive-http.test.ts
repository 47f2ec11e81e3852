import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { HttpClient } from '../../../src/providers/gdrive/http-client.ts'
import { noSignal } from '../../support/fake-drive/rig.ts'

let server: Server
let sockets: Socket[]
let client: HttpClient
let answer: (socket: Socket) => void
beforeEach(async () => {
  sockets = []
  answer = () => {}
  client = new HttpClient({ connectMs: 100, idleMs: 200, answerMs: 400 })
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
  // What is left of the request can't be told from the next one.
  await expect.poll(() => sockets[0]?.destroyed).toBe(true)
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

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'

function drip(socket: Socket, piece: string): void {
  const timer = setInterval(() => socket.write(piece), 20)
  socket.once('close', () => clearInterval(timer))
}

const isContent = (status: number): boolean => status === 200

describe('an answer', () => {
  test('that unpacks to more than anybody asked for is not unpacked', async () => {
    const packed = gzipSync(Buffer.alloc(200 * 1024 * 1024))
    expect(packed.length).toBeLessThan(250_000)
    answer = (socket) => {
      socket.write(`${HEAD}Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`)
      socket.write(packed)
    }
    const before = process.memoryUsage().arrayBuffers
    await expect(client.send({ ...call, url: url() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringMatching(/^an answer of 127\.0\.0\.1:\d+ is larger than 16 MiB$/) as string,
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
  })

  test('that fits is unpacked', async () => {
    const packed = gzipSync('ok')
    answer = (socket) => {
      socket.write(`${HEAD}Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`)
      socket.write(packed)
    }
    expect((await client.send({ ...call, url: url() })).body).toBe('ok')
  })

  test('without an end is read up to a limit', async () => {
    let sent = 0
    answer = (socket) => {
      socket.write(`${HEAD}\r\n`)
      const more = (): void => {
        if (socket.destroyed) return
        sent += 65_536
        if (socket.write(Buffer.alloc(65_536))) setImmediate(more)
        else socket.once('drain', more)
      }
      more()
    }
    // However long 16 MiB take on a busy machine.
    client.close()
    client = new HttpClient({ connectMs: 10_000, idleMs: 10_000, answerMs: 60_000 })
    await expect(client.send({ ...call, url: url() })).rejects.toThrow('is larger than 16 MiB')
    await expect.poll(() => sockets[0]?.destroyed).toBe(true)
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  test.each([
    ['its head', (socket: Socket) => (socket.write(HEAD), drip(socket, 'x-a: b\r\n'))],
    ['its body', (socket: Socket) => (socket.write(`${HEAD}\r\n`), drip(socket, ' '))],
  ])('that never gets to the end of %s, a byte at a time, is given up', async (_part, dripping) => {
    answer = dripping
    await expect(client.send({ ...call, url: url() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringMatching(/^no complete answer from 127\.0\.0\.1:\d+ within 0\.4 s$/) as string,
    })
    await expect.poll(() => sockets[0]?.destroyed).toBe(true)
  })

  test('to a file that was sent is given up, too; sending it may take any time', async () => {
    const pieces = 20
    let sent = 0
    const body = {
      length: pieces * 65_536,
      async *open(): AsyncGenerator<Buffer> {
        for (; sent < pieces; sent++) yield await new Promise<Buffer>((resolve) => setTimeout(resolve, 30, Buffer.alloc(65_536)))
        sockets[0]?.emit('sent')
      },
    }
    answer = (socket) => void socket.once('sent', () => (socket.write(`${HEAD}\r\n`), drip(socket, ' ')))
    await expect(client.send({ ...call, method: 'PUT', url: url(), body })).rejects.toThrow('no complete answer')
    expect(sent).toBe(pieces)
  })

  describe('of a file, whose reader takes his time,', () => {
    const MINUTES_MS = 10 * 60_000
    /** The client's own timers go by the test's time; connections do not. */
    beforeEach(() => {
      client.close()
      client = new HttpClient({ connectMs: 10_000, idleMs: 1_000 })
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      return () => vi.useRealTimers()
    })

    test('that falls silent is given up as soon as the reader has waited for it', async () => {
      answer = (socket) => socket.write(`${HEAD}\r\nx`)
      const opened = await client.open({ ...call, url: url() }, isContent)
      // Nobody listens yet.
      await vi.advanceTimersByTimeAsync(MINUTES_MS)
      const bytes = client.bytes(opened, { ...call, url: url() })
      expect(String((await bytes.next()).value)).toBe('x')
      await vi.advanceTimersByTimeAsync(MINUTES_MS)
      const rest = bytes.next().catch((error: unknown) => error)
      await vi.advanceTimersByTimeAsync(999)
      expect(opened.destroyed).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await rest).toMatchObject({ code: 'INTERRUPTED', message: expect.stringContaining('no byte') as string })
      await expect.poll(() => sockets[0]?.destroyed).toBe(true)
    })

    test('that goes on when asked is not given up', async () => {
      answer = (socket) => socket.write(`${HEAD}Content-Length: 20\r\n\r\n`)
      const opened = await client.open({ ...call, url: url() }, isContent)
      const bytes = client.bytes(opened, { ...call, url: url() })
      for (let part = 0; part < 20; part++) {
        const next = bytes.next()
        // Each comes just in time, and is worked on for minutes.
        await vi.advanceTimersByTimeAsync(999)
        sockets[0]?.write('x')
        expect(String((await next).value)).toBe('x')
        await vi.advanceTimersByTimeAsync(MINUTES_MS)
      }
      expect((await bytes.next()).done).toBe(true)
    })

    test('leaves nothing behind at the connection, which the next request has to itself', async () => {
      const reply = `${HEAD}Content-Length: 1\r\n\r\nx`
      let requests = 0
      answer = (socket) => {
        socket.write(reply)
        socket.on('data', () => void requests++)
      }
      const first = client.bytes(await client.open({ ...call, url: url() }, isContent), { ...call, url: url() })
      expect(String((await first.next()).value)).toBe('x')
      await vi.advanceTimersByTimeAsync(MINUTES_MS)
      expect((await first.next()).done).toBe(true)
      expect(vi.getTimerCount()).toBe(0)
      const next = client.send({ ...call, url: url() })
      await expect.poll(() => requests).toBe(1)
      await vi.advanceTimersByTimeAsync(999)
      sockets[0]?.write(reply)
      expect(await next).toMatchObject({ body: 'x' })
      const silent = client.send({ ...call, url: url() })
      await expect(silent).rejects.toMatchObject({ code: 'INTERRUPTED', message: expect.stringContaining('no byte') as string })
      expect([requests, sockets.length]).toEqual([2, 1])
    })
  })

  test('that is a file may take any time', async () => {
    answer = (socket) => (socket.write(`${HEAD}\r\n`), drip(socket, ' '))
    const opened = await client.open({ ...call, url: url() }, isContent)
    let bytes = 0
    for await (const piece of client.bytes(opened, { ...call, url: url() })) {
      bytes += piece.length
      // At 50 a second, twice as many as come before a complete answer would be overdue.
      if (bytes >= 40) break
    }
    expect(bytes).toBeGreaterThanOrEqual(40)
  })
})

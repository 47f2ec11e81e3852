import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { ByteSource, WriteSession } from '../../../src/providers/provider.ts'
import { contentOf } from '../../support/fake-drive/content.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZE = 6 * MIB + 123
const sizes = { firstChunk: MIB, largestChunk: MIB, maxMultipartBytes: 5 * MIB }

let rig: Rig
let source: ByteSource
/** `idleMs`: short only where a request is never answered: a machine that stands still must not look like that. */
const open = async (idleMs = 20_000): Promise<Rig> => await openRig({ provider: { sizes, timeouts: { connectMs: 5_000, idleMs } } })
beforeEach(async () => {
  rig = await open()
  source = patternSource(SIZE)
})
afterEach(async () => {
  await rig.close()
})

async function expectOneFile(revisions = 1): Promise<void> {
  expect(rig.drive.files()).toMatchObject([
    { path: 'My Drive/w/x.mov', size: SIZE, md5: await source.checksum('md5', noSignal), revisions },
  ])
  expect(rig.drive.faultsPending).toBe(0)
}

/** Where chunks started, in order. */
function starts(): number[] {
  return rig.drive.journal.of('upload.chunk').map(({ contentRange }) => Number(/bytes (\d+)-/.exec(contentRange ?? '')?.[1]))
}

function operations(): string[] {
  return rig.drive.journal.entries.map(({ operation }) => operation).filter((operation) => operation.startsWith('upload'))
}

test('partial acceptance: the next chunk starts where the last one ended for the server', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 1, times: 2, effect: { kind: 'partial', bytes: 300 * KIB } })
  const { faults } = await rig.persist('x.mov', source)
  expect(faults).toEqual([])
  expect(starts().slice(0, 5)).toEqual([0, MIB, MIB + 256 * KIB, MIB + 512 * KIB, 2 * MIB + 512 * KIB])
  expect(rig.drive.journal.entries.filter(({ status }) => status === 503)).toEqual([])
  await expectOneFile()
})

test('partial acceptance of the last chunk is no end', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 6, effect: { kind: 'partial', bytes: 0 } })
  await rig.persist('x.mov', source)
  expect(starts().slice(-2)).toEqual([6 * MIB, 6 * MIB])
  await expectOneFile()
})

describe('after anything uncertain the server is asked before more is sent', () => {
  test.each([
    { name: 'connection dropped', effect: { kind: 'drop', afterBytes: 700_000 } as const },
    { name: '500', effect: { kind: 'error', status: 500, reason: 'backendError' } as const },
    { name: '502 in HTML', effect: { kind: 'answer', status: 502, body: '<html>Bad Gateway</html>' } as const },
    { name: '504 without a body', effect: { kind: 'answer', status: 504 } as const },
    { name: 'lost reply', effect: { kind: 'lose-reply' } as const },
    { name: 'no answer', effect: { kind: 'hang' } as const, idleMs: 1_000 },
  ])('$name', async ({ effect, idleMs }) => {
    if (idleMs !== undefined) {
      await rig.close()
      rig = await open(idleMs)
    }
    for (const after of [0, 3, 5]) rig.drive.fault({ on: 'upload.chunk', after, effect })
    const { faults } = await rig.persist('x.mov', source)
    expect(faults).toEqual([])
    const calls = operations()
    const troubled = rig.drive.journal
      .of('upload.chunk', 'upload.status')
      .flatMap(({ operation, status }, index, all) =>
        operation === 'upload.chunk' && (status === 0 || status >= 500) ? [all[index + 1]?.operation] : [],
      )
    expect(troubled.filter((next) => next !== 'upload.status')).toEqual([])
    expect(calls.filter((call) => call === 'upload.status')).toHaveLength(3)
    expect(calls.filter((call) => call === 'upload.start')).toHaveLength(1)
    await expectOneFile()
  })
})

test('308 without a range after a dropped first chunk: from the start', async () => {
  rig.drive.fault({ on: 'upload.chunk', effect: { kind: 'drop', afterBytes: 1000 } })
  await rig.persist('x.mov', source)
  expect(starts().slice(0, 2)).toEqual([0, 0])
  await expectOneFile()
})

test('a lost or cut reply to the last chunk: the status has the file, nothing is sent again', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 6, effect: { kind: 'lose-reply' } })
  await rig.persist('x.mov', source)
  expect(starts()).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => n * MIB))
  await expectOneFile()
})

test('an answer cut in half is no answer', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 6, effect: { kind: 'truncate' } })
  rig.drive.fault({ on: 'upload.status', effect: { kind: 'truncate' } })
  const { faults } = await rig.persist('x.mov', source)
  expect(faults).toEqual(['INTERRUPTED'])
  expect(rig.drive.journal.count('upload.start')).toBe(1)
  await expectOneFile()
})

test.each([404, 410] as const)('a session that dies with %d: one new session, the same id, one file', async (status) => {
  rig.drive.fault({ on: 'upload.chunk', after: 5, effect: { kind: 'expire-session', status } })
  const { file } = await rig.persist('x.mov', source)
  expect(rig.drive.journal.of('upload.start').map(({ metadata }) => metadata?.['id'])).toEqual([file.id, file.id])
  await expectOneFile()
})

test('sessions that die for ever end in a fault that can be tried again', async () => {
  rig.drive.fault({ on: 'upload.chunk', times: 100, effect: { kind: 'expire-session' } })
  await expect(rig.write('x.mov', source)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(rig.drive.journal.count('upload.start')).toBe(4)
})

test('a server that fails on and on is left alone until the next attempt', async () => {
  rig.drive.fault({ on: ['upload.chunk'], after: 2, times: 1000, effect: { kind: 'error', status: 503, reason: 'backendError' } })
  await expect(rig.write('x.mov', source)).rejects.toMatchObject({ code: 'INTERRUPTED', kind: 'transient' })
  expect(rig.drive.journal.count('upload.chunk')).toBe(5)
})

test('chunks shrink after a failure, and grow again', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 1, effect: { kind: 'error', status: 500, reason: 'backendError' } })
  await rig.persist('x.mov', source)
  expect(starts().slice(0, 5)).toEqual([0, MIB, MIB, 1.5 * MIB, 2.5 * MIB])
})

/** Leaves an upload after three chunks and a part. */
async function interrupt(): Promise<void> {
  rig.drive.fault({ on: 'upload.chunk', after: 3, times: 10, effect: { kind: 'drop', afterBytes: 300 * KIB } })
  rig.drive.fault({ on: 'upload.status', times: 10, effect: { kind: 'error', status: 500, reason: 'backendError' } })
  await expect(rig.write('x.mov', source)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  rig.drive.clearFaults()
  rig.drive.journal.clear()
}

describe('another process', () => {
  test('goes on where the first one stopped', async () => {
    await interrupt()
    const session = rig.sessions.at(-1)
    await rig.persist('x.mov', source, { provider: await rig.another(), ...(session === undefined ? {} : { session }) })
    expect(rig.drive.journal.count('upload.start')).toBe(0)
    expect(operations()[0]).toBe('upload.status')
    expect(starts()[0]).toBe(3 * MIB + 256 * KIB)
    await expectOneFile()
  })

  test('starts again, under the same id, when the source is another one', async () => {
    await interrupt()
    const session = rig.sessions.at(-1)
    source = patternSource(SIZE, new Date('2028-01-01T00:00:00.000Z'))
    const { file } = await rig.persist('x.mov', source, { provider: await rig.another(), ...(session === undefined ? {} : { session }) })
    expect(rig.drive.journal.count('upload.start')).toBe(1)
    expect(file.id).toBe(session?.['remoteId'])
    await expectOneFile()
  })

  test('asks for the file first, and sends nothing that is there', async () => {
    rig.drive.fault({ on: 'upload.chunk', after: 6, effect: { kind: 'lose-reply' } })
    rig.drive.fault({ on: 'upload.status', effect: { kind: 'error', status: 500, reason: 'backendError' } })
    await expect(rig.write('x.mov', source)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    rig.drive.journal.clear()
    const session = rig.sessions.at(-1)
    await rig.persist('x.mov', source, { provider: await rig.another(), ...(session === undefined ? {} : { session }) })
    expect(operations()).toEqual([])
    await expectOneFile()
  })

  test('what is saved shows neither the address of the upload nor a token', async () => {
    await interrupt()
    const saved = JSON.stringify(rig.sessions)
    expect(rig.sessions.at(-1)?.['upload']).toEqual(expect.any(String))
    expect(saved).not.toContain('upload_id')
    expect(saved).not.toContain('ya29')
    expect(saved).not.toContain('http')
  })

  test('does not believe the address of an upload that ended long ago', async () => {
    await rig.write('x.mov', 'before')
    const sessions: WriteSession[] = []
    const saveSession = async (saved: WriteSession): Promise<void> => {
      await Promise.resolve()
      sessions.push(saved)
    }
    const { id } = await rig.write('x.mov', source, { saveSession })
    const withAddress = sessions.find((session) => session['upload'] !== undefined)
    expect(sessions.at(-1)).not.toHaveProperty('upload')
    rig.drive.store.setContent(rig.drive.store.get(id, true), contentOf(Buffer.from('changed by hand')))
    const { file } = await rig.persist('x.mov', source, {
      provider: await rig.another(),
      ...(withAddress === undefined ? {} : { session: withAddress }),
    })
    expect(file.id).toBe(id)
    await expectOneFile(4)
  })

  test('a session that was tampered with is not followed', async () => {
    await interrupt()
    const session = { ...rig.sessions.at(-1), upload: 'AAAA' }
    await rig.persist('x.mov', source, { provider: await rig.another(), session })
    expect(rig.drive.journal.count('upload.start')).toBe(1)
    await expectOneFile()
  })
})

test('an interrupted replacement goes on, too', async () => {
  const first = await rig.write('x.mov', 'before')
  rig.drive.fault({ on: 'upload.chunk', after: 2, times: 3, effect: { kind: 'error', status: 503, reason: 'backendError' } })
  rig.drive.fault({ on: 'upload.status', times: 3, effect: { kind: 'error', status: 503, reason: 'backendError' } })
  const { file, faults } = await rig.persist('x.mov', source)
  expect(faults.length).toBeGreaterThan(0)
  expect(file.id).toBe(first.id)
  expect(rig.drive.journal.count('upload.start')).toBe(1)
  await expectOneFile(2)
})

test('stopping keeps what was sent', async () => {
  const stop = new AbortController()
  const onProgress = (bytes: number): void => {
    if (bytes >= 3 * MIB) stop.abort()
  }
  await expect(rig.write('x.mov', source, { signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'ABORTED', kind: 'stop' })
  const session = rig.sessions.at(-1)
  await rig.persist('x.mov', source, session === undefined ? {} : { session })
  expect(starts()).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => n * MIB))
  await expectOneFile()
})

test('stopping in the middle of a chunk ends the request at once', async () => {
  const stop = new AbortController()
  rig.drive.fault({ on: 'upload.chunk', after: 1, effect: { kind: 'hang' } })
  const written = rig.write('x.mov', source, { signal: stop.signal }).catch((error: unknown) => error)
  await expect.poll(() => rig.drive.journal.count('upload.chunk')).toBe(2)
  stop.abort()
  expect(await written).toMatchObject({ code: 'ABORTED' })
})

test('progress is what the server has', async () => {
  await rig.write('x.mov', source)
  expect(rig.progress).toEqual([0, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB, 6 * MIB, SIZE])
})

test('every chunk carries a token that is alive; one that died on the way is replaced once', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 3, effect: { kind: 'expire-tokens' } })
  const { faults } = await rig.persist('x.mov', source)
  expect(faults).toEqual([])
  expect(rig.drive.tokensIssued).toBe(2)
  expect(starts()).toEqual([0, 1, 2, 3, 3, 4, 5, 6].map((n) => n * MIB))
  await expectOneFile()
})

test('the address of a session at another host is not used, until it is the endpoint’s own again', async () => {
  rig.drive.sessionOrigin = rig.drive.endpoint.replace('127.0.0.1', 'localhost')
  await expect(rig.persist('x.mov', source)).rejects.toMatchObject({ code: 'UNREACHABLE', kind: 'site' })
  expect(operations()).toEqual(['upload.start'])
  rig.drive.sessionOrigin = rig.drive.endpoint
  await rig.persist('x.mov', source)
  await expectOneFile()
})

test('bytes that were stored wrong are replaced once; no checksum in the answer is asked for', async () => {
  rig.drive.fault({ on: 'upload.chunk', after: 6, effect: { kind: 'corrupt' } })
  rig.drive.fault({ on: 'upload.chunk', after: 6, effect: { kind: 'omit', fields: ['md5Checksum'] } })
  const { file } = await rig.persist('x.mov', source)
  expect(file.checksum?.value).toBe(await source.checksum('md5', noSignal))
  await expectOneFile(2)
  expect(rig.drive.journal.count('files.get')).toBeGreaterThan(0)
})

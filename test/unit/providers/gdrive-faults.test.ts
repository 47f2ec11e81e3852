import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { Effect, Operation } from '../../support/fake-drive/faults.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const MIB = 1024 * 1024
const sizes = { firstChunk: MIB, largestChunk: MIB, maxMultipartBytes: 5 * MIB }

let rig: Rig
/** `idleMs`: short only where a request is never answered: a machine that stands still must not look like that. */
const open = async (idleMs = 20_000): Promise<Rig> => await openRig({ provider: { sizes, timeouts: { connectMs: 5_000, idleMs } } })
async function openImpatient(): Promise<void> {
  await rig.close()
  rig = await open(1_000)
}
beforeEach(async () => {
  rig = await open()
})
afterEach(async () => {
  await rig.close()
})

const OPERATIONS: Operation[] = [
  'token',
  'files.get',
  'files.list',
  'files.generateIds',
  'files.create',
  'upload.multipart',
  'upload.start',
  'upload.chunk',
]

const EFFECTS: { name: string; effect: Effect }[] = [
  { name: '503', effect: { kind: 'error', status: 503, reason: 'backendError' } },
  { name: '502 in HTML', effect: { kind: 'answer', status: 502, body: '<html><body>502. That’s an error.</body></html>' } },
  { name: '504 without a body', effect: { kind: 'answer', status: 504 } },
  { name: '200 in HTML', effect: { kind: 'answer', status: 200, body: '<html>captive portal</html>' } },
  { name: '200 without a body', effect: { kind: 'answer', status: 200 } },
  { name: 'an answer cut in half', effect: { kind: 'truncate' } },
  { name: 'a lost reply', effect: { kind: 'lose-reply' } },
  { name: 'a dropped connection', effect: { kind: 'drop', afterBytes: 0 } },
  { name: 'no answer', effect: { kind: 'hang' } },
]

describe.each(OPERATIONS)('once, on %s', (operation) => {
  test.each(EFFECTS)('$name: all is written in the end, once', async ({ effect }) => {
    if (effect.kind === 'hang') await openImpatient()
    rig.drive.fault({ on: operation, effect })
    const large = patternSource(6 * MIB)
    const small = await rig.persist('p/q/small', 'hello')
    const big = await rig.persist('p/q/large', large)
    expect(small.faults.length + big.faults.length).toBeLessThanOrEqual(1)
    expect(rig.drive.faultsPending).toBe(0)
    expect(rig.drive.tree()).toEqual(['w/', 'w/p/', 'w/p/q/', 'w/p/q/large', 'w/p/q/small'].map((path) => `My Drive/${path}`))
    expect(rig.drive.file('My Drive/w/p/q/small')).toMatchObject({ id: small.file.id, size: 5, revisions: 1 })
    expect(rig.drive.file('My Drive/w/p/q/large')).toMatchObject({
      id: big.file.id,
      md5: await large.checksum('md5', noSignal),
      revisions: 1,
    })
  })
})

test('everything fails now and then: all files are written once', async () => {
  await openImpatient()
  const all: Operation[] = [...OPERATIONS, 'upload.status']
  for (const [index, { effect }] of EFFECTS.entries()) for (const on of all) rig.drive.fault({ on, after: 2 + index * 3, effect })
  const source = patternSource(6 * MIB)
  const paths = Array.from({ length: 60 }, (_, index) => `p${index % 5}/f${index}`)
  const queue = [...paths]
  const worker = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      await rig.persist(path, path.endsWith('7') ? source : path, { attempts: 20 })
    }
  }
  await Promise.all(Array.from({ length: 6 }, worker))
  const md5 = await source.checksum('md5', noSignal)
  expect(
    rig.drive
      .files()
      .map(({ path }) => path)
      .sort(),
  ).toEqual(paths.map((path) => `My Drive/w/${path}`).sort())
  for (const file of rig.drive.files())
    expect(file.path.endsWith('7') ? file.md5 : file.bytes?.toString()).toBe(file.path.endsWith('7') ? md5 : file.path.slice(11))
}, 60_000)

test('small files: a lost reply costs a look, and no bytes', async () => {
  rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'lose-reply' } })
  const { file, faults } = await rig.persist('a', 'hello')
  expect(faults).toEqual(['INTERRUPTED'])
  expect(rig.drive.journal.count('upload.multipart')).toBe(1)
  expect(rig.drive.files()).toMatchObject([{ id: file.id, revisions: 1 }])
})

test('an id that is taken already: the file is looked at, not doubled', async () => {
  rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'lose-reply' } })
  rig.drive.fault({ on: 'files.get', after: 1, effect: { kind: 'error', status: 404, reason: 'notFound', message: 'File not found: x.' } })
  const { file } = await rig.persist('a', 'hello')
  expect(rig.drive.journal.of('upload.multipart').map(({ status }) => status)).toEqual([200, 409])
  expect(rig.drive.files()).toMatchObject([{ id: file.id, size: 5 }])
})

describe('stored bytes', () => {
  test('that differ are replaced once', async () => {
    rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'corrupt' } })
    const { file, faults } = await rig.persist('a', 'hello')
    expect(faults).toEqual([])
    expect(rig.drive.files()).toMatchObject([{ id: file.id, revisions: 2, md5: '5d41402abc4b2a76b9719d911017c592' }])
  })

  test('that differ twice are a fault of the file, and not left there', async () => {
    rig.drive.fault({ on: 'upload.multipart', times: 2, effect: { kind: 'corrupt' } })
    await expect(rig.write('a', 'hello')).rejects.toMatchObject({ code: 'VERIFY_FAILED', kind: 'file' })
    expect(rig.drive.files()).toEqual([])
  })

  test('without a checksum in the answer are asked for', async () => {
    rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'omit', fields: ['md5Checksum'] } })
    expect((await rig.write('a', 'hello')).checksum?.value).toBe('5d41402abc4b2a76b9719d911017c592')
    expect(rig.drive.journal.entries.at(-1)?.operation).toBe('files.get')
  })

  test('without any checksum yet are looked at later', async () => {
    rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'omit', fields: ['md5Checksum'] } })
    rig.drive.fault({ on: 'files.get', after: 1, effect: { kind: 'omit', fields: ['md5Checksum'] } })
    const { faults } = await rig.persist('a', 'hello')
    expect(faults).toEqual(['INTERRUPTED'])
    expect(rig.drive.files()).toMatchObject([{ revisions: 1 }])
  })
})

test('nobody there: that passes, or is the trouble of the site in the end', async () => {
  await rig.drive.close()
  await expect(rig.write('a', 'x')).rejects.toMatchObject({
    code: 'INTERRUPTED',
    kind: 'transient',
    message: expect.stringContaining('ECONNREFUSED') as string,
  })
})

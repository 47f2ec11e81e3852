import { afterEach, describe, expect, test } from 'vitest'

import type { Effect, Operation } from '../../support/fake-drive/faults.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig, RigOptions } from '../../support/fake-drive/rig.ts'

let rig: Rig
async function open(options?: RigOptions): Promise<Rig> {
  rig = await openRig(options)
  return rig
}
afterEach(async () => {
  await rig.close()
})

const signal = noSignal
/** Only where an answer never comes: a busy machine may need longer for one that does. */
const impatient = { timeouts: { connectMs: 10_000, idleMs: 500 } }
const NAME = /^\.site-sync-probe-[0-9a-f]{16}$/

/** All that is stored, the trash included. */
function names(): string[] {
  return rig.drive.store
    .all()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('.site-sync'))
}

describe('a probe of writing', () => {
  test('writes a hidden file, renames it, reads it back and removes it, at each root', async () => {
    const root = new Map([
      ['work', '/My Drive/w'],
      ['render', '/Show'],
    ])
    await open({ root })
    rig.drive.addSharedDrive('Show', 'organizer')
    await rig.provider.probe({ signal })
    const { journal } = rig.drive
    const steps = journal.of('upload.multipart', 'files.update', 'files.delete').map(({ operation }) => operation)
    const each = ['upload.multipart', 'files.update', 'files.delete']
    expect(steps).toEqual([...each, ...each])
    const [written, renamed] = journal.of('upload.multipart', 'files.update').map(({ metadata }) => metadata)
    expect([written?.['name'], renamed?.['name']]).toEqual([expect.stringMatching(NAME), expect.stringMatching(NAME)])
    expect(written?.['name']).not.toBe(renamed?.['name'])
    expect(names()).toEqual([])
  })

  test('is what a probe is', async () => {
    await open()
    await rig.provider.probe({ signal, operation: 'write' })
    expect(rig.drive.journal.count('upload.multipart')).toBe(1)
  })

  test('moves its file to the trash where it may not delete: a content manager', async () => {
    await open({ root: '/Show' })
    rig.drive.addSharedDrive('Show', 'fileOrganizer')
    await rig.provider.probe({ signal })
    expect(rig.drive.files()).toEqual([])
    expect(rig.drive.journal.count('files.delete')).toBe(0)
    expect(names()).toEqual([expect.stringMatching(NAME)])
  })

  test('begins an upload and gives it up where nothing may be removed: a contributor', async () => {
    await open({ root: '/Show' })
    rig.drive.addSharedDrive('Show', 'writer')
    await rig.provider.probe({ signal })
    expect(names()).toEqual([])
    expect(rig.drive.journal.entries.map(({ operation }) => operation).slice(-2)).toEqual(['upload.start', 'upload.cancel'])
    rig.drive.fault({ on: 'upload.start', effect: { kind: 'error', status: 403, reason: 'teamDriveFileLimitExceeded' } })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'SITE_LIMIT' })
  })

  const refused = { kind: 'error', status: 403, reason: 'insufficientFilePermissions' } as const

  test('moves to the trash what it may not delete after all', async () => {
    await open()
    rig.drive.fault({ on: 'files.delete', effect: refused })
    await rig.provider.probe({ signal })
    expect(rig.drive.files()).toEqual([])
  })

  test('is told to slow down while it removes its file: it says so, and the file goes', async () => {
    await open()
    const slower = { kind: 'error', status: 403, reason: 'userRateLimitExceeded', retryAfter: '0' } as const
    rig.drive.fault({ on: 'files.delete', effect: slower })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(names()).toEqual([])
  })

  test('is not about removing: where that is refused against all expectation, writing works', async () => {
    await open()
    rig.drive.fault({ on: 'files.delete', effect: refused })
    rig.drive.fault({ on: 'files.update', after: 1, effect: refused })
    await rig.provider.probe({ signal })
    expect(await Array.fromAsync(rig.provider.list(rig.at(''), { signal }))).toEqual([])
  })

  test('finds bytes that are not those it wrote', async () => {
    await open()
    rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'corrupt' } })
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({
      kind: 'site',
      message: expect.stringContaining('/My Drive/w') as string,
    })
    expect(names()).toEqual([])
  })
})

const STEPS: Operation[] = ['files.get', 'files.generateIds', 'about.get', 'upload.multipart', 'files.update', 'files.delete']
const EFFECTS: Record<string, Effect> = {
  '503': { kind: 'error', status: 503, reason: 'backendError' },
  '400': { kind: 'error', status: 400, reason: 'invalid' },
  '403': { kind: 'error', status: 403, reason: 'insufficientFilePermissions' },
  '404': { kind: 'error', status: 404, reason: 'notFound' },
  HTML: { kind: 'answer', status: 200, body: '<html>captive portal</html>' },
  'a lost reply': { kind: 'lose-reply' },
  'a dropped connection': { kind: 'drop', afterBytes: 0 },
  'no answer': { kind: 'hang' },
}

// The trash is tried when deleting is refused, and what is not there need not be removed.
const CASES = STEPS.flatMap((operation) => Object.keys(EFFECTS).map((name) => ({ operation, name }))).filter(
  ({ operation, name }) => operation !== 'files.delete' || !['403', '404'].includes(name),
)

test.each(CASES)('a probe that fails on $operation with $name: a fault of the site, and nothing is left', async ({ operation, name }) => {
  await open(name === 'no answer' ? { provider: impatient } : {})
  // The root is looked at, and what was written is read back.
  const after = operation === 'files.get' ? 2 : 0
  rig.drive.fault({ on: operation, after, effect: EFFECTS[name] as Effect })
  await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ kind: 'site' })
  expect(rig.drive.faultsPending).toBe(0)
  expect(rig.drive.files()).toEqual([])
  await rig.provider.probe({ signal })
})

test('a probe that is stopped leaves nothing, and says that it was stopped', async () => {
  await open()
  rig.drive.fault({ on: 'files.update', effect: { kind: 'hang' } })
  const stop = new AbortController()
  const probed = rig.provider.probe({ signal: stop.signal }).catch((error: unknown) => error)
  await expect.poll(() => rig.drive.journal.count('files.update')).toBe(1)
  stop.abort()
  expect(await probed).toMatchObject({ code: 'ABORTED' })
  expect(names()).toEqual([])
})

describe('a probe of reading', () => {
  test('lists each root and writes nothing, also where nothing may be written', async () => {
    await open({ root: '/Show', settings: { storageLimit: 0 } })
    rig.drive.addSharedDrive('Show', 'reader')
    await rig.provider.probe({ signal, operation: 'read' })
    const done = rig.drive.journal.entries.filter(({ method, operation }) => method !== 'GET' && operation !== 'token')
    expect(done).toEqual([])
    expect(rig.drive.journal.count('files.list')).toBe(1)
    await expect(rig.provider.probe({ signal })).rejects.toMatchObject({ code: 'PERMISSION' })
  })

  test.each(['404', '403', '503'])('fails where the root can not be listed: %s', async (name) => {
    await open()
    await rig.write('a', 'x')
    rig.drive.fault({ on: 'files.list', times: 100, effect: EFFECTS[name] as Effect })
    await expect(rig.provider.probe({ signal, operation: 'read' })).rejects.toMatchObject({ kind: 'site' })
  })

  test('fails where the root is gone', async () => {
    await open({ root: '/My Drive/none' })
    await expect(rig.provider.probe({ signal, operation: 'read' })).rejects.toMatchObject({ code: 'ROOT_MISSING' })
  })
})

test('what a killed probe left is not listed', async () => {
  await open()
  rig.drive.addFile('.site-sync-probe-0123456789abcdef', 'x', { parent: rig.w })
  rig.drive.addFile('.site-sync-probe-of-mine', 'x', { parent: rig.w })
  const listed = await Array.fromAsync(rig.provider.list(rig.at(''), { signal }))
  expect(listed.map(({ name }) => name)).toEqual(['.site-sync-probe-of-mine'])
})

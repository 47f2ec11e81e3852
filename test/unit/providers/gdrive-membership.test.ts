import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf } from '../../support/permits.ts'

const MIB = 1024 * 1024
const signal = noSignal
const options = { signal, permit: permitOf(), onProgress: () => {} }

let rig: Rig
/** Ids of `Show`, of `Show/publish`, which is shared with the account, and of `Show/publish/work`. */
let show: string
let publish: string
let work: string
beforeEach(async () => {
  rig = await openRig()
  show = rig.drive.addSharedDrive('Show', null)
  publish = rig.drive.addFolder('publish', { parent: show })
  rig.drive.share(publish)
  work = rig.drive.addFolder('work', { parent: publish })
})
afterEach(async () => {
  await rig.close()
})

describe('a member of a folder of a shared drive, but not of the drive', () => {
  const roots = {
    'a shared folder by its name': () => ['/My Drive/publish', 'Show/publish'],
    'a shared folder in the place of a drive': () => ['/publish', 'Show/publish'],
    'a folder below a shared one': () => ['/My Drive/publish/work', 'Show/publish/work'],
    'an id': () => [publish, 'Show/publish'],
    'the id of a folder below': () => [work, 'Show/publish/work'],
    'a URL': () => [`https://drive.google.com/drive/folders/${publish}?usp=sharing`, 'Show/publish'],
    'a shortcut': () => [rig.drive.addShortcut('short', publish), 'Show/publish'],
    'a path with a shortcut': () => {
      rig.drive.addShortcut('short', publish, { parent: rig.w })
      return ['/My Drive/w/short/work', 'Show/publish/work']
    },
  } as Record<string, () => [string, string]>

  test.each(Object.keys(roots))('does everything below %s', async (name) => {
    const [root, top] = roots[name]?.() ?? ['', '']
    const provider = await rig.another({ root })
    await provider.probe({ signal })
    await provider.probe({ signal, operation: 'read' })
    expect(await provider.stat({ root, path: 'p/q/a' }, { signal })).toBeUndefined()
    await provider.write({ root, path: 'p/q/a' }, memorySource('one'), options)
    await provider.write({ root, path: 'p/q/large' }, patternSource(6 * MIB), options)
    await provider.write({ root, path: 'p/q/a' }, memorySource('three'), options)
    expect(await provider.stat({ root, path: 'p/q/a' }, { signal })).toMatchObject({ size: 5 })
    expect(Buffer.concat(await Array.fromAsync(await provider.read({ root, path: 'p/q/a' }, { signal }))).toString()).toBe('three')
    const names = async (path: string) => (await Array.fromAsync(provider.list({ root, path }, { signal }))).map((file) => file.name)
    expect((await names('p/q')).toSorted()).toEqual(['a', 'large'])
    await provider.remove({ root, path: 'p/q/large' }, { signal })
    expect(await names('p/q')).toEqual(['a'])
    expect(rig.drive.files()).toMatchObject([{ path: `${top}/p/q/a`, revisions: 2 }])
  })

  test('is told once: what the drive refused is not asked again', async () => {
    const root = '/My Drive/publish'
    const provider = await rig.another({ root })
    for (const path of ['p/a', 'q/b', 'r/s/c']) await provider.write({ root, path }, memorySource('x'), options)
    const refused = rig.drive.journal.of('files.list').filter(({ status }) => status === 404)
    expect(refused).toHaveLength(1)
  })

  test('is served where the drive answers 403, too', async () => {
    rig.drive.setRole(show, 'fileOrganizer')
    const error = { kind: 'error', status: 403, reason: 'teamDriveMembershipRequired' } as const
    rig.drive.fault({ on: 'files.list', url: 'corpora=drive', times: 100, effect: error })
    const provider = await rig.another({ root: publish })
    await provider.write({ root: publish, path: 'p/a' }, memorySource('x'), options)
    expect(rig.drive.files()).toMatchObject([{ path: 'Show/publish/p/a' }])
    expect(rig.drive.faultsPending).toBe(99)
  })

  test('who is told to slow down is not taken for one', async () => {
    rig.drive.setRole(show, 'fileOrganizer')
    const provider = await rig.another({ root: publish })
    const error = { kind: 'error', status: 403, reason: 'userRateLimitExceeded', retryAfter: '0' } as const
    rig.drive.fault({ on: 'files.list', effect: error })
    await expect(provider.stat({ root: publish, path: 'a' }, { signal })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await provider.write({ root: publish, path: 'p/a' }, memorySource('x'), options)
    expect(rig.drive.journal.of('files.list').every(({ query }) => query['corpora'] === 'drive')).toBe(true)
  })
})

test('a folder of a shared drive that is gone says nothing about the drive', async () => {
  rig.drive.setRole(show, 'fileOrganizer')
  const provider = await rig.another({ root: publish })
  await provider.write({ root: publish, path: 'p/a' }, memorySource('x'), options)
  rig.drive.delete(rig.drive.file('Show/publish/p/a')?.parent ?? '')
  expect(await provider.stat({ root: publish, path: 'p/b' }, { signal })).toBeUndefined()
  rig.drive.journal.clear()
  await provider.write({ root: publish, path: 'q/c' }, memorySource('x'), options)
  expect(rig.drive.journal.of('files.list').every(({ query }) => query['corpora'] === 'drive')).toBe(true)
})

test('a 404 on listing that stays is no fault of the file', async () => {
  rig.drive.fault({ on: 'files.list', times: 100, effect: { kind: 'error', status: 404, reason: 'notFound' } })
  for (const call of [
    rig.provider.stat(rig.at('p/a'), { signal }),
    rig.write('a', 'x'),
    Array.fromAsync(rig.provider.list(rig.at(''), { signal })),
  ]) {
    const fault = await call.catch((error: unknown) => error)
    expect(fault).toMatchObject({ kind: expect.stringMatching(/transient|site/) as string })
  }
})

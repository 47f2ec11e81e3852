import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { Operation } from '../../support/fake-drive/faults.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const signal = noSignal

let rig: Rig
beforeEach(async () => {
  rig = await openRig({ root: '/Show' })
  const show = rig.drive.addSharedDrive('Show')
  const locked = rig.drive.addFolder('locked', { parent: show })
  rig.drive.addFile('old', 'x', { parent: locked })
  rig.drive.setRole(locked, 'reader')
  rig.drive.addFolder('free', { parent: show })
})
afterEach(async () => {
  await rig.close()
})

async function faultOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

function permission(...names: string[]): object {
  return { code: 'PERMISSION', isCertain: false, message: expect.stringMatching(names.map((name) => `"${name}"`).join('.*')) as string }
}

describe('a right that is missing in one folder', () => {
  test('is named with the file and the folder, and its neighbour is served', async () => {
    const large = patternSource(6 * 1024 * 1024)
    expect(await faultOf(rig.write('locked/a', 'x'))).toMatchObject(permission('a', 'locked'))
    expect(await faultOf(rig.write('locked/large', large))).toMatchObject(permission('large', 'locked'))
    expect(await faultOf(rig.write('locked/deeper/a', 'x'))).toMatchObject(permission('deeper', 'locked'))
    expect(await faultOf(rig.provider.remove(rig.at('locked/old'), { signal }))).toMatchObject(permission('old'))
    await rig.write('free/a', 'x')
    await rig.provider.probe({ signal })
  })

  test.each([
    ['files.list', 'listing the folder "free"'],
    ['files.get', 'looking up "a"'],
    ['media.read', 'reading "a"'],
  ] as const)('is named where it was missed: %s', async (operation: Operation, words) => {
    await rig.write('free/a', 'x')
    const list = operation === 'files.list'
    const error = { kind: 'error', status: 403, reason: 'insufficientFilePermissions' } as const
    rig.drive.fault({ on: operation, times: 100, effect: error })
    const call = list ? Array.fromAsync(rig.provider.list(rig.at('free'), { signal })) : rig.provider.read(rig.at('free/a'), { signal })
    expect(await faultOf(call)).toMatchObject({ code: 'PERMISSION', isCertain: false, message: expect.stringContaining(words) as string })
  })
})

test('a file that goes while it is about to be read is missing', async () => {
  await rig.write('free/a', 'x')
  rig.drive.fault({ on: 'media.read', effect: { kind: 'error', status: 404, reason: 'notFound' } })
  expect(await faultOf(rig.provider.read(rig.at('free/a'), { signal }))).toMatchObject({ code: 'SOURCE_MISSING' })
})

test('a folder that was removed lists nothing, and again what is in it when it is there again', async () => {
  await rig.write('free/a', 'x')
  const list = async () => (await Array.fromAsync(rig.provider.list(rig.at('free'), { signal }))).map(({ name }) => name)
  expect(await list()).toEqual(['a'])
  const { parent = '' } = rig.drive.file('Show/free/a') ?? {}
  rig.drive.delete(parent)
  expect(await list()).toEqual([])
  await rig.write('free/b', 'x')
  expect(await list()).toEqual(['b'])
})

test('trouble of a moment stays what it is', async () => {
  await rig.write('free/a', 'x')
  rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'error', status: 503, reason: 'backendError' } })
  rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'drop', afterBytes: 0 } })
  for (const path of ['free/b', 'free/c'])
    expect(await faultOf(rig.write(path, 'x'))).toMatchObject({ code: 'INTERRUPTED', isCertain: false })
})

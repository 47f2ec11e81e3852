import { afterEach, beforeEach, expect, test } from 'vitest'

import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const signal = noSignal

let rig: Rig
beforeEach(async () => {
  rig = await openRig()
})
afterEach(async () => {
  await rig.close()
})

async function identityOf(root: string): Promise<string | undefined> {
  return await (await rig.another({ root })).identify(root, { signal })
}

test('one folder has one identity, whichever way it is named', async () => {
  const show = rig.drive.addSharedDrive('Show')
  const work = rig.drive.addFolder('caf\u00e9', { parent: show })
  const shortcut = rig.drive.addShortcut('short', work)
  rig.drive.addShortcut('short', work, { parent: rig.w })
  const roots = [
    '/Show/caf\u00e9',
    'Show/cafe\u0301/',
    work,
    `https://drive.google.com/drive/folders/${work}?usp=sharing`,
    `https://drive.google.com/open?id=${work}`,
    shortcut,
    '/My Drive/w/short',
  ]
  for (const root of roots) expect(await identityOf(root)).toBe(`gdrive:${work}`)
})

test('the tops of drives have one, too', async () => {
  const show = rig.drive.addSharedDrive('Show')
  for (const root of ['/Show', show]) expect(await identityOf(root)).toBe(`gdrive:${show}`)
  for (const root of ['/My Drive', rig.drive.myDrive]) expect(await identityOf(root)).toBe(`gdrive:${rig.drive.myDrive}`)
})

test('a shared folder has the same for its owner and for those it is shared with', async () => {
  const shared = rig.drive.addSharedFolder('studio')
  for (const root of ['/My Drive/studio', shared]) expect(await identityOf(root)).toBe(`gdrive:${shared}`)
})

test('a folder that took the place of another is not that one', async () => {
  const root = '/My Drive/w'
  expect(await rig.provider.identify(root, { signal })).toBe(`gdrive:${rig.w}`)
  rig.drive.trash(rig.w)
  const w = rig.drive.addFolder('w')
  expect(await rig.provider.identify(root, { signal })).toBe(`gdrive:${w}`)
})

test('a root that is not there has none, nor one that can not be looked up', async () => {
  await expect(identityOf('/My Drive/none')).rejects.toMatchObject({ code: 'ROOT_MISSING', kind: 'site' })
  rig.drive.fault({ on: 'files.get', effect: { kind: 'error', status: 503, reason: 'backendError' } })
  await expect(identityOf('/My Drive/w')).rejects.toMatchObject({ kind: 'site', isCertain: false })
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

let rig: Rig
let authorization: string
beforeEach(async () => {
  rig = await openRig()
  await rig.provider.stat(rig.at('a'), { signal: noSignal })
  authorization = rig.drive.journal.of('files.get')[0]?.authorization ?? ''
})
afterEach(async () => {
  await rig.close()
})

async function call(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
  const init = { method, headers: { Authorization: authorization } }
  const answer = await fetch(`${rig.drive.endpoint}/drive/v3/files${path}`, body === undefined ? init : { ...init, body })
  return { status: answer.status, text: await answer.text() }
}

const ALL = 'supportsAllDrives=true&includeItemsFromAllDrives=true'

describe('removing from a shared drive', () => {
  test.each([
    ['writer', 403, 403],
    ['fileOrganizer', 200, 403],
    ['organizer', 200, 204],
  ] as const)('a %s: trash %d, delete %d', async (role, trash, remove) => {
    const show = rig.drive.addSharedDrive('Show', role)
    const id = rig.drive.addFile('a', 'x', { parent: show })
    expect((await call('PATCH', `/${id}?supportsAllDrives=true`, '{"trashed":true}')).status).toBe(trash)
    expect((await call('DELETE', `/${id}?supportsAllDrives=true`)).status).toBe(remove)
    expect(rig.drive.store.peek(id) === undefined).toBe(remove === 204)
    const { text } = await call('GET', `/${show}?supportsAllDrives=true&fields=capabilities(canTrashChildren,canDeleteChildren)`)
    expect(JSON.parse(text)).toEqual({ capabilities: { canTrashChildren: trash === 200, canDeleteChildren: remove === 204 } })
  })
})

test("outside shared drives a file's owner alone may trash or delete it", async () => {
  const theirs = rig.drive.addFile('a', 'x', { parent: rig.drive.addSharedFolder('studio') })
  const own = rig.drive.addFile('a', 'x')
  expect((await call('PATCH', `/${theirs}`, '{"trashed":true}')).status).toBe(403)
  expect((await call('DELETE', `/${theirs}`)).status).toBe(403)
  expect(await call('DELETE', `/${own}`)).toEqual({ status: 204, text: '' })
})

test('a member of one folder of a shared drive lists that folder, and not the drive', async () => {
  const show = rig.drive.addSharedDrive('Show', null)
  const folder = rig.drive.addFolder('publish', { parent: show })
  rig.drive.addFile('a', 'x', { parent: folder })
  const inFolder = `q=${encodeURIComponent(`'${folder}' in parents`)}&fields=files(name)`
  expect((await call('GET', `?${ALL}&${inFolder}`)).status).toBe(404)
  rig.drive.share(folder)
  expect(await call('GET', `?${ALL}&${inFolder}&corpora=drive&driveId=${show}`)).toMatchObject({
    status: 404,
    text: expect.stringContaining('Shared drive not found') as string,
  })
  expect(JSON.parse((await call('GET', `?${ALL}&${inFolder}`)).text)).toEqual({ files: [{ name: 'a' }] })
  expect(JSON.parse((await call('GET', `?${ALL}&${inFolder}&corpora=allDrives`)).text)).toEqual({ files: [{ name: 'a' }] })
  // What others put there was neither opened by the account nor shared with it by itself.
  expect(JSON.parse((await call('GET', `?${ALL}&${inFolder}&corpora=user`)).text)).toEqual({ files: [] })
  const shared = `q=sharedWithMe&fields=files(name)&corpora=user`
  expect(JSON.parse((await call('GET', `?${ALL}&${shared}`)).text)).toEqual({ files: [{ name: 'publish' }] })
  expect((await call('GET', `/${show}?supportsAllDrives=true`)).status).toBe(404)
})

import { afterEach, beforeEach, expect, test } from 'vitest'

import { withoutEchoes } from '../../../src/providers/gdrive/echoes.ts'
import { toItem } from '../../../src/providers/gdrive/item.ts'
import { registerSecret } from '../../../src/secrets.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const MIB = 1024 * 1024
const sizes = { firstChunk: MIB, largestChunk: MIB, maxMultipartBytes: MIB }

let rig: Rig
beforeEach(async () => {
  rig = await openRig({ provider: { sizes } })
})
afterEach(async () => {
  await rig.close()
})

/** The message of what the work rejects with, and of all that caused it. */
async function faultOf(work: Promise<unknown>): Promise<string> {
  const messages: string[] = []
  let error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  for (; error instanceof Error; error = error.cause) messages.push(error.message)
  return messages.join('\n')
}

test.each([
  [400, 'invalid'],
  [401, 'authError'],
  [403, 'forbidden'],
  [403, 'userRateLimitExceeded'],
  [429, 'rateLimitExceeded'],
])('a token that comes back with %d %s is in no message', async (status, reason) => {
  await rig.write('a', 'x')
  rig.drive.fault({ on: '*', times: 9, effect: { kind: 'error', status, reason, message: 'not with {token}, {token}' } })
  const message = await faultOf(rig.write('b', 'x'))
  expect(message).toContain('not with [redacted], [redacted]')
  expect(message).not.toContain('ya29.')
})

test('an address of an upload that comes back is in no message', async () => {
  const message = 'nothing at {url} for {token}'
  rig.drive.fault({ on: 'upload.chunk', times: 9, effect: { kind: 'error', status: 403, reason: 'forbidden', message } })
  const said = await faultOf(rig.write('a', patternSource(3 * MIB)))
  expect(said).toContain('nothing at [redacted] for [redacted]')
  const secret = rig.drive.journal.of('upload.chunk')[0]?.query['upload_id'] ?? ''
  expect(secret.length).toBeGreaterThan(12)
  expect(said).not.toContain(secret)
})

test('what is signed for a token and comes back is in no message', async () => {
  const message = 'bad {assertion}'
  rig.drive.fault({ on: 'token', times: 9, effect: { kind: 'error', status: 400, reason: 'invalid_grant', message } })
  const said = await faultOf(rig.provider.probe({ signal: noSignal }))
  expect(said).toContain('invalid_grant; bad [redacted]; ')
  expect(said).not.toContain('eyJ')
})

test.each([
  ['as it is', 'a/secret+of=ours'],
  ['encoded', 'a%2Fsecret%2Bof%3Dours'],
])('a secret %s is found before the text is cut', (_how, spelling) => {
  for (let before = 270; before < 310; before++) {
    const said = withoutEchoes(`${'x'.repeat(before)}${spelling}`, ['a/secret+of=ours'])
    expect(said).not.toContain('sec')
    expect(said.length).toBeLessThanOrEqual(300)
  }
})

test('an id that is a secret, which a server gave to a file, is no id', () => {
  registerSecret('token', 'marked-as-a-token')
  expect(() => toItem({ id: 'xmarked-as-a-tokenx', name: 'a', mimeType: 'b' })).toThrow(/^(?!.*marked)/)
})

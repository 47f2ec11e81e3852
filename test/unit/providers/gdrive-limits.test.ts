import { afterEach, describe, expect, test } from 'vitest'

import { PageTokens } from '../../../src/providers/gdrive/page-tokens.ts'
import type { Effect } from '../../support/fake-drive/faults.ts'
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
const timeouts = { connectMs: 1000, idleMs: 10_000, answerMs: 200 }

describe('a server that answers a byte at a time', () => {
  test.each(['token', 'files.get', 'files.list', 'files.generateIds', 'upload.multipart'] as const)(
    '%s is given up, and works again',
    async (on) => {
      await open({ provider: { timeouts } })
      rig.drive.fault({ on, effect: { kind: 'drip', everyMs: 20 } })
      const { faults } = await rig.persist('p/a', 'x')
      expect(faults.filter((code) => code !== 'INTERRUPTED')).toEqual([])
      expect(rig.drive.faultsPending).toBe(0)
      expect(rig.drive.tree()).toContain('My Drive/w/p/a')
    },
  )

  test('does so for files as long as it likes, but not for the reason why it has none', async () => {
    await open({ provider: { timeouts } })
    await rig.write('a', 'x')
    rig.drive.fault({ on: 'media.read', effect: { kind: 'drip', everyMs: 20, status: 503 } })
    await expect(rig.provider.read(rig.at('a'), { signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringContaining('no complete answer') as string,
    })
  })
})

function endless(body: Readonly<Record<string, unknown>>): Effect {
  return { kind: 'answer', status: 200, type: 'application/json', body: JSON.stringify({ ...body, nextPageToken: 'again' }) }
}

describe('pages', () => {
  test('of a folder that lead back to themselves are read once', async () => {
    await open()
    rig.drive.fault({ on: 'files.list', times: 1000, effect: endless({ files: [] }) })
    await expect(Array.fromAsync(rig.provider.list(rig.at(''), { signal }))).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringContaining('gave the same page again while listing the folder') as string,
    })
    expect(rig.drive.journal.count('files.list')).toBeLessThanOrEqual(3)
  })

  test('of shared drives, and of shared folders, too', async () => {
    await open({ root: '/Show' })
    rig.drive.fault({ on: 'drives.list', times: 1000, effect: endless({ drives: [] }) })
    await expect(rig.provider.probe({ signal })).rejects.toThrow('gave the same page again')
    rig.drive.clearFaults()
    rig.drive.fault({ on: 'files.list', times: 1000, effect: endless({ files: [] }) })
    await expect(rig.provider.probe({ signal })).rejects.toThrow('gave the same page again')
    expect(rig.drive.journal.count('drives.list') + rig.drive.journal.count('files.list')).toBeLessThan(10)
  })

  test('without end come to one', async () => {
    await open()
    const tokens = new PageTokens('listing')
    const readOn = (): void => {
      for (let page = 0; tokens.next(`page ${page}`) !== undefined; page++) continue
    }
    expect(readOn).toThrow('Google Drive came to no end while listing')
  })

  test.each([undefined, null, '', 7, {}])('end with a token that is none: %j', async (token) => {
    await open()
    expect(new PageTokens('listing').next(token)).toBeUndefined()
  })
})

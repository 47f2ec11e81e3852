import { createHash } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../../src/errors.ts'
import type { Site } from '../../../../src/model/site.ts'
import type { Provider } from '../../../../src/providers/provider.ts'
import { verifiedFile, type Claimed } from '../../../../src/service/receipt/verified-file.ts'
import { MemoryProvider } from '../../../support/memory-provider.ts'

const { signal } = new AbortController()
const siteOf = (name: string): Site => ({ name, provider: 'memory', root: `/${name}`, alternativeSites: [] })
const digest = (algorithm: string, text = 'bytes'): string => createHash(algorithm).update(text).digest('hex')

interface Scene {
  readonly listed?: readonly { readonly format: string; readonly hash: string; readonly generation: number }[]
  readonly sources?: readonly string[]
  readonly trouble?: Map<string, string>
  readonly algorithm?: 'md5' | 'sha256'
  readonly there?: string
}

/** A file at `client`, and at the sites that are named, with the same content. */
function scene({ listed = [], sources = ['studio'], trouble = new Map(), algorithm = 'md5', there = 'bytes' }: Scene = {}) {
  const providers = new Map<string, MemoryProvider>()
  for (const name of ['client', ...sources]) {
    const provider = new MemoryProvider(siteOf(name), { checksumAlgorithm: name === 'client' ? algorithm : 'md5' })
    provider.store.put(`/${name}/f`, name === 'client' ? there : 'bytes')
    providers.set(name, provider)
  }
  const claimed: Claimed = {
    site: siteOf('client'),
    at: { root: '/client', path: 'f' },
    size: undefined,
    isOriginal: false,
    sources: sources.map((name) => ({ site: siteOf(name), at: { root: `/${name}`, path: 'f' } })),
    trouble,
    listed: () => listed,
  }
  const get = async ({ name }: Site): Promise<Provider> => Promise.resolve(providers.get(name) as Provider)
  return { look: async () => verifiedFile({ get }, claimed, signal), at: (name: string) => providers.get(name) as MemoryProvider }
}

describe('the hash', () => {
  test('is the MD5 that both sites keep: not a byte is read', async () => {
    const { look, at } = scene()
    expect(await look()).toMatchObject({ path: 'f', size: 5, format: 'md5', hash: digest('md5'), action: 'original' })
    expect([at('client').bytes.read, at('studio').bytes.read]).toEqual([0, 0])
  })

  test('is the C4 id of what is read there, once, where the site keeps none', async () => {
    const { look, at } = scene({ algorithm: 'sha256' })
    expect(await look()).toMatchObject({ format: 'c4', hash: expect.stringMatching(/^c4.{88}$/) as string })
    expect(at('client').bytes.read).toBe(5)
  })

  test.each(['md5', 'sha1'] as const)('keeps the format that an earlier generation has: %s', async (format) => {
    const listed = [
      { format: 'xxh128', hash: 'unknown here', generation: 1 },
      { format, hash: digest(format), generation: 2 },
    ]
    expect(await scene({ listed, algorithm: 'sha256' }).look()).toMatchObject({ format, hash: digest(format), action: 'verified' })
    const changed = scene({ listed: [{ format, hash: digest(format, 'before'), generation: 2 }] })
    await expect(changed.look()).rejects.toThrow('it has other content than generation 2')
  })

  test('that nobody here can compute is no word at all', async () => {
    await expect(scene({ listed: [{ format: 'xxh128', hash: '1', generation: 3 }] }).look()).rejects.toThrow(
      "generation 3 of the history has its xxh128 hash alone, which can't be computed here",
    )
  })
})

describe('the source', () => {
  test('that lacks the file, or is in trouble, is passed over; trouble is met once', async () => {
    const trouble = new Map<string, string>()
    const { look, at } = scene({ sources: ['studio', 'nas', 'other'], trouble })
    at('studio').store.files.clear()
    let asked = 0
    at('nas').stat = async () => {
      asked++
      return Promise.reject(new SyncError('UNREACHABLE', 'no route'))
    }
    for (let times = 0; times < 3; times++) expect(await look()).toMatchObject({ action: 'original' })
    expect([asked, [...trouble]]).toEqual([1, [['nas', 'nas: no route']]])
    at('other').store.put('/other/f', 'BYTES')
    await expect(look()).rejects.toThrow('it has other content there than at other')
    at('other').store.files.clear()
    await expect(look()).rejects.toThrow(/^there is nothing to compare it with: studio: .* is not there; nas: no route; other: /)
  })

  test('is not missed where an earlier generation states the content', async () => {
    const listed = [{ format: 'md5', hash: digest('md5'), generation: 1 }]
    expect(await scene({ sources: [], listed }).look()).toMatchObject({ action: 'verified' })
    await expect(scene({ sources: [], listed, there: 'other' }).look()).rejects.toThrow('other content than generation 1')
  })

  test('with a fault that may pass is tried again by who asks', async () => {
    const { look, at } = scene()
    at('studio').stat = async () => Promise.reject(new SyncError('INTERRUPTED', 'cut off'))
    await expect(look()).rejects.toMatchObject({ kind: 'transient' })
  })
})

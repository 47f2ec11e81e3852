import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { chainXml, type ManifestFile } from '../../../../src/model/mhl/manifest.ts'
import { readHistory, type History, type ListedHash } from '../../../../src/service/receipt/read-history.ts'
import { writeGeneration } from '../../../../src/service/receipt/write-generation.ts'
import { MemoryProvider } from '../../../support/memory-provider.ts'

const { signal } = new AbortController()
const CREATED = new Date('2026-05-04T03:02:01Z')
const head = {
  created: CREATED,
  host: 'h',
  tool: { name: 'site-sync', version: '1' },
  author: 'a',
  location: 'l',
  ignored: ['.DS_Store', '*.bak'],
}
const fileOf = (path: string, hash: string): ManifestFile => ({
  path,
  size: 1,
  modified: CREATED,
  format: 'md5',
  hash,
  action: 'original',
  hashed: CREATED,
})

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'history-test-'))
})
afterEach(async () => rm(dir, { recursive: true, force: true }))

/** Chunks of two bytes, so that everything is cut somewhere. */
function place() {
  const provider = new MemoryProvider({ name: 'client', provider: 'memory', root: '/r', alternativeSites: [] }, { chunkBytes: 2 })
  return { provider, root: '/r', folder: '', store: provider.store }
}
type Place = ReturnType<typeof place>

async function read(at: Place): Promise<{ history: History; listed: ListedHash[] }> {
  const listed: ListedHash[] = []
  return { history: await readHistory(at, (hash) => listed.push(hash), signal), listed }
}

const write = async (at: Place, history: History, name: string, ...files: ManifestFile[]): Promise<string> =>
  writeGeneration({ place: at, history, head, name, files, dir }, signal)

test('generations follow each other, each with what the earlier ones say', async () => {
  const at = place()
  expect(await read(at)).toEqual({ history: { links: [], next: 1, ignored: [] }, listed: [] })
  const first = await write(at, (await read(at)).history, '0001_r.mhl', fileOf('a & <b>\r\n', '1'), fileOf('c', '2'))
  const { history, listed } = await read(at)
  expect(history).toEqual({ links: [{ number: 1, path: '0001_r.mhl', c4: first }], next: 2, ignored: ['.DS_Store', '*.bak'] })
  expect(listed).toEqual([
    { path: 'a & <b>\r\n', format: 'md5', hash: '1', generation: 1 },
    { path: 'c', format: 'md5', hash: '2', generation: 1 },
  ])
  const second = await write(at, history, '0002_r.mhl', fileOf('d', '3'))
  expect(await read(at)).toMatchObject({
    history: { links: [{ c4: first }, { number: 2, path: '0002_r.mhl', c4: second }], next: 3 },
    listed: [{ generation: 1 }, { generation: 1 }, { path: 'd', generation: 2 }],
  })
  expect(at.store.paths()).toEqual(['/r/ascmhl/0001_r.mhl', '/r/ascmhl/0002_r.mhl', '/r/ascmhl/ascmhl_chain.xml'])
})

test('what another tool wrote: prefixes, other formats, folders, hashes that failed; its texts may be cut anywhere', async () => {
  const at = place()
  const manifest = `<?xml version="1.0"?><m:hashlist xmlns:m="urn:ASC:MHL:v2.0" version="2.0"><m:creatorinfo/><m:processinfo><m:process>in-place</m:process>
    <m:roothash><m:content><m:c4>root</m:c4></m:content><m:structure><m:c4>s</m:c4></m:structure></m:roothash>
    <m:ignore><m:pattern>x</m:pattern></m:ignore></m:processinfo><m:hashes>
    <m:hash><m:path size="1">a<![CDATA[<1>]]></m:path><m:md5 action="failed">bad</m:md5><m:xxh128 action="original">11</m:xxh128><m:c4>c4y</m:c4>
      <m:previousPath>old</m:previousPath><m:metadata><m:note>?</m:note></m:metadata></m:hash>
    <m:directoryhash><m:path>f</m:path><m:content><m:md5>22</m:md5></m:content><m:structure><m:md5>33</m:md5></m:structure></m:directoryhash>
    </m:hashes></m:hashlist>`
  at.store.put('/r/ascmhl/0007_x.mhl', manifest)
  const { createHash } = await import('node:crypto')
  const { c4Id } = await import('../../../../src/model/mhl/c4.ts')
  at.store.put(
    '/r/ascmhl/ascmhl_chain.xml',
    chainXml([{ number: 7, path: '0007_x.mhl', c4: c4Id(createHash('sha512').update(manifest).digest('hex')) }]),
  )
  expect(await read(at)).toMatchObject({
    history: { next: 8, ignored: ['x'] },
    listed: [
      { path: 'a<1>', format: 'xxh128', hash: '11', generation: 7 },
      { path: 'a<1>', format: 'c4', hash: 'c4y', generation: 7 },
    ],
  })
})

describe('a history that is not whole is not gone on with', () => {
  const broken: [string, (at: Place) => void, string][] = [
    [
      'a manifest was changed',
      ({ store }) => store.put('/r/ascmhl/0001_r.mhl', String(store.get('/r/ascmhl/0001_r.mhl')).replace('>1<', '>2<')),
      'it was changed',
    ],
    ['a manifest is cut off', ({ store }) => store.put('/r/ascmhl/0001_r.mhl', '<hashlist>'), 'Unclosed root tag'],
    ['a manifest is gone', ({ store }) => store.files.delete('/r/ascmhl/0001_r.mhl'), 'is not there'],
    ['the chain is gone', ({ store }) => store.files.delete('/r/ascmhl/ascmhl_chain.xml'), 'it is not there, but manifests are'],
    ['the chain is no XML', ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', 'a < b'), 'Non-whitespace'],
    [
      'an entity that is not declared',
      ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'),
      'Invalid character entity',
    ],
    [
      'the chain is not UTF-8',
      ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', Buffer.from([0x3c, 0xff])),
      'not valid for encoding utf-8',
    ],
    [
      'a text without end',
      ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', `<x>${'y'.repeat(10_001)}</x>`),
      'more than 10000 characters',
    ],
    [
      'the chain leads elsewhere',
      ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', chainXml([{ number: 1, path: '../secret.mhl', c4: `c4${'1'.repeat(88)}` }])),
      'names no manifest of its own folder',
    ],
    [
      'a number is none',
      ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', '<a><hashlist><path>0001.mhl</path></hashlist></a>'),
      'has no number',
    ],
    [
      'an id is none',
      ({ store }) => store.put('/r/ascmhl/ascmhl_chain.xml', chainXml([{ number: 1, path: '0001.mhl', c4: 'abc' }])),
      'has no C4 id',
    ],
  ]
  test.each(broken)('%s', async (_, spoil, why) => {
    const at = place()
    await write(at, (await read(at)).history, '0001_r.mhl', fileOf('a', '1'))
    spoil(at)
    await expect(read(at)).rejects.toThrow(/the history of earlier receipts can't be gone on with: \/r\/ascmhl\//)
    await expect(read(at)).rejects.toThrow(why)
  })
})

test('somebody else was quicker: nothing is written', async () => {
  const at = place()
  const { history } = await read(at)
  await write(at, history, '0001_r.mhl', fileOf('a', '1'))
  const before = at.store.paths()
  await expect(write(at, history, '0001_q.mhl', fileOf('b', '1'))).rejects.toThrow('another receipt was written')
  expect(at.store.paths()).toEqual(before)
})

test('where the chain can’t be written, no manifest stays; a number that somebody left is not given again', async () => {
  const at = place()
  const { provider } = at
  const failing: Place = {
    ...at,
    provider: new MemoryProvider(provider.site, {
      store: at.store,
      gate: ({ verb, path }) => {
        if (verb === 'write' && path.endsWith('.xml')) throw new Error('disk full')
      },
    }),
  }
  await expect(write(failing, (await read(at)).history, '0001_r.mhl', fileOf('a', '1'))).rejects.toThrow('disk full')
  expect(at.store.paths()).toEqual([])
  await write(at, (await read(at)).history, '0001_r.mhl', fileOf('a', '1'))
  at.store.put('/r/ascmhl/0004_r.mhl', 'left behind')
  at.store.put('/r/ascmhl/notes.txt', 'somebody else’s')
  expect((await read(at)).history.next).toBe(5)
})

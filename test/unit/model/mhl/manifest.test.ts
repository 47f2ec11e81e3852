import { createHash } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import { c4Id } from '../../../../src/model/mhl/c4.ts'
import { chainXml, generationOf, manifestName, manifestXml, type ManifestFile } from '../../../../src/model/mhl/manifest.ts'

const CREATED = new Date('2026-05-04T03:02:01.007Z')

describe('the C4 id', () => {
  test.each([
    ['', 'c459dsjfscH38cYeXXYogktxf4Cd9ibshE3BHUo6a58hBXmRQdZrAkZzsWcbWtDg5oQstpDuni4Hirj75GEmTc1sFT'],
    ['alfa', 'c43zYcLni5LF9rR4Lg4B8h3Jp8SBwjcnyyeh4bc6gTPHndKuKdjUWx1kJPYhZxYt3zV6tQXpDs2shPsPYjgG81wZM1'],
    ['site sync\n', 'c43piFGPa9iv44GJKec6YXHzwZAi3cBpRQeKzVZ9YbQWYqS2S74f4EqmaKK4oR4oBQ7VL2dFmXXvFzUs9UsUpU8ymX'],
  ])('of %j is as the reference implementation has it', (content, id) => {
    expect(c4Id(createHash('sha512').update(content).digest('hex'))).toBe(id)
  })

  test('of a small number is filled up, and of any has 90 characters', () => {
    expect(c4Id('0'.repeat(128))).toBe(`c4${'1'.repeat(88)}`)
    expect(c4Id(`${'0'.repeat(126)}3a`)).toBe(`c4${'1'.repeat(86)}21`)
    expect(c4Id('f'.repeat(128))).toMatch(/^c4.{88}$/)
  })
})

const file: ManifestFile = {
  path: 'a & b/x.exr',
  size: 0,
  modified: new Date('2024-01-02T03:04:05.678Z'),
  format: 'md5',
  hash: 'd41d8cd98f00b204e9800998ecf8427e',
  action: 'original',
  hashed: CREATED,
}

test('a manifest, with each file asked for when its turn comes', () => {
  const head = {
    created: CREATED,
    host: 'a&b\u0007',
    tool: { name: 'site-sync', version: '1.0' },
    author: 'me',
    location: 'client',
    ignored: ['a', '"b"'],
  }
  const asked: string[] = []
  function* files(): Generator<ManifestFile> {
    for (const path of ['one', 'two']) {
      asked.push(path)
      yield path === 'one' ? file : { ...file, path, format: 'c4', action: 'verified', hash: 'c4x', modified: undefined }
    }
  }
  const pieces = manifestXml(head, files())
  const first = [pieces.next().value, pieces.next().value].join('')
  expect(asked).toEqual(['one'])
  expect(first + [...pieces].join('')).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">
  <creatorinfo>
    <creationdate>2026-05-04T03:02:01.007+00:00</creationdate>
    <hostname>a&amp;b�</hostname>
    <tool version="1.0">site-sync</tool>
    <author>me</author>
    <location>client</location>
  </creatorinfo>
  <processinfo>
    <process>in-place</process>
    <ignore>
      <pattern>a</pattern>
      <pattern>&quot;b&quot;</pattern>
    </ignore>
  </processinfo>
  <hashes>
    <hash>
      <path size="0" lastmodificationdate="2024-01-02T03:04:05.678+00:00">a &amp; b/x.exr</path>
      <md5 action="original" hashdate="2026-05-04T03:02:01.007+00:00">d41d8cd98f00b204e9800998ecf8427e</md5>
    </hash>
    <hash>
      <path size="0">two</path>
      <c4 action="verified" hashdate="2026-05-04T03:02:01.007+00:00">c4x</c4>
    </hash>
  </hashes>
</hashlist>
`)
})

test.each([new Date(-62_135_596_800_001), new Date(253_402_300_800_000), new Date(Number.NaN)])(
  'a time that XML has no date for (%s) is left out',
  (modified) => {
    const head = { created: CREATED, host: 'h', tool: { name: 't', version: '1' }, author: 'a', location: 'l', ignored: [] }
    expect([...manifestXml(head, [{ ...file, modified }])][1]).toContain('<path size="0">a &amp; b/x.exr</path>')
  },
)

test('a chain', () => {
  expect(chainXml([{ number: 1, path: '0001_a&b.mhl', c4: 'c4x' }])).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">
  <hashlist sequencenr="1">
    <path>0001_a&amp;b.mhl</path>
    <c4>c4x</c4>
  </hashlist>
</ascmhldirectory>
`)
})

describe('names of manifests', () => {
  test.each([
    [1, '/mnt/client', '0001_client_2026-05-04_030201Z.mhl'],
    [12, '/My Drive/Hero & Söhne/', '0012_Hero _ Söhne_2026-05-04_030201Z.mhl'],
    [12_345, 'P:\\deliveries\\A:1', '12345_A_1_2026-05-04_030201Z.mhl'],
    [3, '/', '0003_root_2026-05-04_030201Z.mhl'],
    [3, `/a/${'x'.repeat(300)}\n`, `0003_${'x'.repeat(60)}_2026-05-04_030201Z.mhl`],
  ])('%d of %j', (number, root, name) => {
    expect(manifestName(number, root, CREATED)).toBe(name)
    expect(generationOf(name)).toBe(number)
  })

  test.each(['1_a.mhl', 'a.mhl', '0001_a.xml', 'ascmhl_chain.xml', '._0001_a.mhl'])('%s is none', (name) => {
    expect(generationOf(name)).toBeUndefined()
  })
})

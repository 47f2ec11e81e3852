import { afterEach, describe, expect, test } from 'vitest'

import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig, RigOptions } from '../../support/fake-drive/rig.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf } from '../../support/permits.ts'

const signal = noSignal
const options = { signal, permit: permitOf(), onProgress: () => {} }

let rig: Rig
async function open(rigOptions?: RigOptions): Promise<Rig> {
  rig = await openRig(rigOptions)
  return rig
}
afterEach(async () => {
  await rig.close()
})

/** One name: composed, decomposed, and the one letter so and the other so. */
const NFC = 'é\u0161 01'.normalize('NFC')
const NFD = NFC.normalize('NFD')
const MIXED = [`${NFC.slice(0, 1)}${'\u0161'.normalize('NFD')} 01`, `${'é'.normalize('NFD')}\u0161 01`]
const SPELLINGS = [NFC, NFD, ...MIXED]
/** The same sound, from syllables that take three letters when decomposed. */
const HANGUL = ['각'.normalize('NFC'), '각'.normalize('NFD'), `${'가'.normalize('NFC')}\u11a8`]
/** A letter that has a third spelling, which no normal form has. */
const RING = ['\u00c5', 'A\u030a', '\u212b']

const PAIRS = [SPELLINGS, HANGUL, RING].flatMap((names) =>
  names.flatMap((stored) => names.map((asked) => ({ stored, asked, stored_: escaped(stored), asked_: escaped(asked) }))),
)

function escaped(name: string): string {
  return name.replaceAll(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16)}`)
}

describe.each([
  ['a folder', 5000],
  ['a folder that is too large to be listed for every name', 3],
])('in %s', (_, largeFolder) => {
  test.each(PAIRS)('the file $stored_ is $asked_', async ({ stored, asked }) => {
    await open({ provider: { largeFolder }, settings: { longestPage: 2 } })
    for (let index = 0; index < 5; index++) rig.drive.addFile(`other.${index}`, 'x', { parent: rig.w })
    const id = rig.drive.addFile(stored, 'old', { parent: rig.w })
    expect(await rig.provider.stat(rig.at(asked), { signal })).toMatchObject({ id, size: 3 })
    await rig.write(asked, 'newer')
    expect(rig.drive.file(`My Drive/w/${stored}`)).toMatchObject({ id, size: 5, revisions: 2 })
    await rig.provider.remove(rig.at(asked), { signal })
    expect(rig.drive.files()).toHaveLength(5)
    expect(await rig.provider.stat(rig.at(asked), { signal })).toBeUndefined()
  })

  test.each(PAIRS)('the folder $stored_ is $asked_', async ({ stored, asked }) => {
    await open({ provider: { largeFolder }, settings: { longestPage: 2 } })
    for (let index = 0; index < 5; index++) rig.drive.addFile(`other.${index}`, 'x', { parent: rig.w })
    const parent = rig.drive.addFolder(stored, { parent: rig.w })
    await rig.write(`${asked}/a`, 'x')
    expect(rig.drive.files().filter(({ name }) => name === 'a')).toMatchObject([{ parent }])
  })
})

describe.each(SPELLINGS.map((stored) => ({ stored, name: escaped(stored) })))('a root that is stored as $name', ({ stored }) => {
  test.each(SPELLINGS.map((asked) => ({ asked, name: escaped(asked) })))('is found as $name', async ({ asked }) => {
    await open()
    rig.drive.addFolder(stored, { parent: rig.w })
    rig.drive.addSharedFolder(`studio ${stored}`)
    rig.drive.addFolder('p', { parent: rig.drive.addSharedDrive(`Show ${stored}`) })
    const roots = [`/My Drive/w/${asked}`, `/My Drive/studio ${asked}`, `/Show ${asked}/p`]
    for (const root of roots) {
      const provider = await rig.another({ root })
      await provider.write({ root, path: 'a' }, memorySource('x'), options)
    }
    const paths = [`My Drive/w/${stored}/a`, `Show ${stored}/p/a`, `Their Drive/studio ${stored}/a`]
    expect(rig.drive.files().map(({ path }) => path)).toEqual(expect.arrayContaining(paths))
    expect(rig.drive.files()).toHaveLength(3)
  })
})

test('a name that is written for the first time keeps its spelling', async () => {
  await open()
  for (const [index, name] of SPELLINGS.entries()) await rig.write(`${index}/${name}`, 'x')
  expect(rig.drive.files().map(({ name }) => name)).toEqual(SPELLINGS)
})

test('two spellings that are written at the same time become one file', async () => {
  await open({ settings: { latencyMs: 10 } })
  await rig.write('p/other', 'x')
  const written = await Promise.all(SPELLINGS.map(async (name) => await rig.write(`p/${name}`, name)))
  expect(new Set(written.map(({ id }) => id)).size).toBe(1)
  expect(rig.drive.files()).toHaveLength(2)
})

test('who waits for the other spelling can be stopped', async () => {
  await open()
  await rig.write('p/other', 'x')
  rig.drive.fault({ on: 'upload.multipart', effect: { kind: 'delay', milliseconds: 300 } })
  const first = rig.write(`p/${NFC}`, 'x')
  await expect.poll(() => rig.drive.journal.count('upload.multipart')).toBe(2)
  const stop = new AbortController()
  const second = rig.write(`p/${NFD}`, 'y', { signal: stop.signal }).catch((error: unknown) => error)
  stop.abort()
  expect(await second).toMatchObject({ code: 'ABORTED' })
  await first
  await rig.write(`p/${NFD}`, 'z')
  expect(rig.drive.files()).toHaveLength(2)
})

test('upper and lower case are two names, accents or not', async () => {
  await open()
  for (const name of ['É', 'é', 'a', 'A']) await rig.write(name, name)
  expect(rig.drive.files()).toHaveLength(4)
})

describe('in a large folder', () => {
  test('the rare spellings are looked through once, not for every name', async () => {
    const at = Date.now()
    const clock = { now: () => at, sleep: async (): Promise<void> => await Promise.resolve() }
    await open({ provider: { largeFolder: 3, clock }, settings: { longestPage: 2 } })
    for (let index = 0; index < 10; index++) rig.drive.addFile(`other.${index}`, 'x', { parent: rig.w })
    for (let index = 0; index < 10; index++) await rig.write(`é.${index}`, 'x')
    const whole = rig.drive.journal.of('files.list').filter(({ query: { q = '' } }) => q.includes(rig.w) && !q.includes('name ='))
    // Until it was seen to be large, and once to its end.
    expect(whole).toHaveLength(2 + 5)
    rig.drive.journal.clear()
    for (let index = 0; index < 10; index++) await rig.write(`plain.${index}`, 'x')
    expect(rig.drive.journal.count('files.list')).toBe(10)
  })

  test('a file of ours that somebody removed is missing', async () => {
    await open({ provider: { largeFolder: 3 } })
    for (let index = 0; index < 5; index++) rig.drive.addFile(`other.${index}`, 'x', { parent: rig.w })
    for (const name of ['plain', ...SPELLINGS.slice(2, 3)]) {
      await rig.provider.stat(rig.at(name), { signal })
      const { id } = await rig.write(name, 'x')
      rig.drive.trash(id)
      expect(await rig.provider.stat(rig.at(name), { signal })).toBeUndefined()
    }
  })
})

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { CAN_MOUNT, faultyMount } from '../../support/faulty-mount.ts'
import { expectMirrored, filesBelow, openMirrorStage } from '../../support/mirror-stage.ts'
import { entry, inArray, representation, type Representation } from '../../support/published.ts'

test('one name in two normal forms: one file at every target, both records marked', async () => {
  const all = await openMirrorStage()
  const { stage, mirror } = all
  const [composed, decomposed] = ['kůň/žluť.exr'.normalize('NFC'), 'kůň/žluť.exr'.normalize('NFD')]
  await stage.file(composed, 'content')
  const documents = [composed, decomposed].map((path) => representation([entry(`{root[work]}/${path}`, inArray('mirror', 'gdrive'))]))
  const running = await all.start()
  await stage.insert(...documents)
  for (const document of documents) for (const site of ['mirror', 'gdrive']) await stage.synced(document, { site })
  const [only, ...others] = await filesBelow(mirror)
  expect([only?.normalize('NFC'), others]).toEqual([composed, []])
  // The id says where it is, in the spelling that is there.
  for (const document of documents) expect((await stage.record(document, { site: 'mirror' }))?.['id']).toBe(only)
  await running.stop()
})

test('names that differ in upper and lower case are two files, each with its own content', async () => {
  const all = await openMirrorStage()
  const { stage } = all
  const contents = { 'SHOT/A.exr': 'one', 'SHOT/a.exr': 'two', 'shot/A.exr': 'three', 'shot/a.exr': 'four' }
  for (const [path, content] of Object.entries(contents)) await stage.file(path, content)
  const isTold = (await readdir(stage.studioPath(''))).length === 2
  const document = representation(Object.keys(contents).map((path) => entry(`{root[work]}/${path}`, inArray('mirror', 'gdrive'))))
  const running = await all.start()
  await stage.insert(document)
  for (const file of document.files.keys()) await stage.synced(document, { file })
  for (const [path, content] of Object.entries(contents)) {
    // A disk that does not tell them apart has one file, as the publish site has.
    const expected = isTold ? content : await readFile(stage.studioPath(path), 'utf8')
    expect(stage.spy().store.get(`/My Drive/w/${path}`)?.toString()).toBe(expected)
  }
  if (isTold) await expectMirrored(all, document, contents)
  await running.stop()
})

test.skipIf(!CAN_MOUNT)('a target that does not tell upper from lower case: the second name is a conflict, and never marked', async () => {
  const all = await openMirrorStage()
  const { stage, mirror } = all
  await faultyMount(mirror, { isCaseBlind: true })
  // The one content twice, and another one.
  const contents = { 'sh010/Plate.exr': 'one', 'sh010/plate.exr': 'one', 'sh010/PLATE.exr': 'other', 'SH010/next.exr': 'next' }
  for (const [path, content] of Object.entries(contents)) await stage.file(path, content)
  const documents = Object.keys(contents).map((path) => representation([entry(`{root[work]}/${path}`, inArray('mirror'))]))
  const running = await all.start()
  await stage.insert(...documents)
  const [first, second, third, fourth] = documents as [Representation, Representation, Representation, Representation]
  for (const document of [first, fourth]) await stage.synced(document, { site: 'mirror' })
  for (const document of [second, third]) {
    const record = await stage.until(document, 'a try', ({ tries }) => tries === 1, { site: 'mirror' })
    // Whoever was first gave the folder its name.
    expect(record['error']).toContain(join(mirror, (await readdir(mirror))[0] ?? '', 'Plate.exr'))
    expect(record).not.toHaveProperty('created_dt')
  }
  for (const { error } of running.lines.of('transfer.failed')) expect(error?.code).toBe('TARGET_CONFLICT')
  expect(await readFile(join(mirror, 'sh010/Plate.exr'), 'utf8')).toBe('one')
  await running.stop()
})

test('paths of 4,000 characters: what the disk takes arrives, what it does not take is one file’s fault; names of 255 bytes arrive', async () => {
  const all = await openMirrorStage()
  const { stage, mirror } = all
  // 4,095 bytes are the most that a path may have, from the top of the disk.
  const fits = deep(4_000 - mirror.length)
  const tooLong = deep(4_500)
  const longest = `${'n'.repeat(251)}.exr`
  const longerThanThat = `${'n'.repeat(252)}.exr`
  const paths = [fits, longest, tooLong, longerThanThat]
  await writeDeep(stage.studioPath(''), fits)
  await stage.file(longest, 'long')
  const document = representation(paths.map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
  const running = await all.start()
  await stage.insert(document)
  await expectMirrored(all, document, { [fits]: 'deep', [longest]: 'long' })
  for (const file of [2, 3]) {
    const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { site: 'mirror', file })
    expect(String(record['error']).length).toBeLessThanOrEqual(1_000)
  }
  expect(running.lines.count('site.cooling')).toBe(0)
  await running.stop()
})

/** A path of that length, or up to four characters less. */
function deep(length: number): string {
  return `${'deep/'.repeat(Math.floor((length - 5) / 5))}a.exr`
}

async function writeDeep(root: string, path: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), 'deep')
}

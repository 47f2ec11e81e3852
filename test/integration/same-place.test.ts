import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { Site } from '../../src/model/site.ts'
import { filesBelow, openMirrorStage, type MirrorStage } from '../support/mirror-stage.ts'
import { entry, inArray, representation } from '../support/published.ts'

function onDisk(name: string, root: string): Site {
  return { name, provider: 'local_drive', root: new Map([['work', root]]), concurrency: 4, alternativeSites: [] }
}

/** The settings of the stage with another site on disk. */
function withTwin({ stage, mirror }: MirrorStage, root: string): MirrorStage['stage']['settings'] {
  const sites = new Map(stage.settings.sites).set('mirror', onDisk('mirror', mirror)).set('twin', onDisk('twin', root))
  return { ...stage.settings, remoteSite: 'mirror', sites }
}

describe('two sites that are one place', () => {
  test.each(['the same path', 'a link to it'])('%s: told at start; each file is sent once, and marked at both', async (kind) => {
    const all = await openMirrorStage()
    const { stage, mirror } = all
    await mkdir(mirror)
    const link = join(stage.dir, 'link')
    await symlink(mirror, link)
    const running = await all.start({}, { settings: withTwin(all, kind === 'the same path' ? mirror : link) })
    expect(running.lines.of('site.warning')).toMatchObject([
      { message: expect.stringContaining('the same place as') as string, site_sync: { site: 'twin' } },
    ])
    const paths = Array.from({ length: 30 }, (_, n) => `sh010/${1001 + n}.exr`)
    for (const path of paths) await stage.file(path)
    const documents = paths.map((path) => representation([entry(`{root[work]}/${path}`, inArray('mirror', 'twin'))]))
    await stage.insert(...documents)
    for (const document of documents) for (const site of ['mirror', 'twin']) await stage.synced(document, { site })
    const sent = running.lines.of('transfer.succeeded').filter(({ site_sync: fields }) => fields?.['sent_bytes'] !== 0)
    expect(sent).toHaveLength(paths.length)
    expect(await filesBelow(mirror)).toEqual(paths)
    await running.stop()
  })

  test('places of their own are not told', async () => {
    const all = await openMirrorStage()
    const twin = join(all.stage.dir, 'twin')
    for (const folder of [all.mirror, twin]) await mkdir(folder)
    const running = await all.start({}, { settings: withTwin(all, twin) })
    expect(running.lines.count('site.warning')).toBe(0)
    await running.stop()
  })
})

test('names that differ in case only are written one after the other, each with its own content', async () => {
  const all = await openMirrorStage()
  const { stage, mirror } = all
  const running = await all.start()
  const paths = ['sh010/Plate.exr', 'sh010/plate.exr', 'SH010/plate.exr']
  for (const path of paths) await stage.file(path)
  const documents = paths.map((path) => representation([entry(`{root[work]}/${path}`, inArray('mirror'))]))
  await stage.insert(...documents)
  for (const document of documents) await stage.synced(document, { site: 'mirror' })
  for (const path of paths) expect(await readFile(join(mirror, path), 'utf8')).toBe(path)
  await running.stop()
})

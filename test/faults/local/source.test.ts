import { appendFile, readFile, rename, truncate, unlink, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { filesBelow, expectMirrored, openMirrorStage } from '../../support/mirror-stage.ts'
import { entry, inArray, representation } from '../../support/published.ts'
import { waitFor } from '../../support/wait-for.ts'

const MEBIBYTE = 1024 * 1024

/** What happens to the file while it is read; gives what there is afterwards. */
type Change = (file: string) => Promise<void>

const CHANGES: readonly { readonly what: string; readonly change: Change }[] = [
  { what: 'vanishes', change: async (file) => await unlink(file) },
  { what: 'grows', change: async (file) => await appendFile(file, 'more') },
  { what: 'shrinks', change: async (file) => await truncate(file, 2 * MEBIBYTE) },
  { what: 'is written anew, of the same size', change: async (file) => await writeFile(file, randomBytes(3 * MEBIBYTE)) },
  {
    what: 'is replaced by another one',
    async change(file) {
      await writeFile(`${file}.new`, randomBytes(3 * MEBIBYTE))
      await rename(`${file}.new`, file)
    },
  },
]

describe('a source that, while it is sent,', () => {
  test.for(CHANGES)('$what: not marked, one try, nothing is left at the target; the next attempt is right', async ({ change }) => {
    const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
    const { stage } = all
    await stage.file('a.exr', randomBytes(3 * MEBIBYTE))
    await stage.file('b.exr', 'sibling')
    const source = stage.studioPath('a.exr')
    let isDone = false
    const document = representation(['a.exr', 'b.exr'].map((path) => entry(`{root[work]}/${path}`, inArray('mirror', 'gdrive'))))
    const running = await all.start({
      studio: {
        async duringRead({ path }) {
          if (isDone || path !== 'a.exr') return
          isDone = true
          await change(source)
        },
      },
    })
    await stage.insert(document)
    // The attempt of the other site may have opened it before, or found nothing.
    const changed = () => running.lines.of('transfer.failed').find(({ error }) => error?.code === 'SOURCE_CHANGED')
    const failed = await waitFor('a source that has changed', changed, { seen: () => running.lines.summary() })
    expect(failed).toMatchObject({ site_sync: { tries: 1, path: '{root[work]}/a.exr' } })
    expect(failed.error?.message).toContain(source)
    // What has vanished comes back before its tries are used up.
    const content = await readFile(source).catch(async () => {
      await stage.file('a.exr', 'again')
      return Buffer.from('again')
    })
    await expectMirrored(all, document, { 'a.exr': content, 'b.exr': 'sibling' })
    await stage.synced(document, { site: 'gdrive' })
    await stage.synced(document, { site: 'gdrive', file: 1 })
    expect(stage.spy().store.get('/My Drive/w/a.exr')?.equals(content)).toBe(true)
    expect(stage.spy().store.paths()).toEqual(['/My Drive/w/a.exr', '/My Drive/w/b.exr'])
    for (const line of running.lines.of('transfer.failed')) expect(line.error?.code).toMatch(/^SOURCE_(CHANGED|MISSING)$/)
    await running.stop()
  })

  test('vanishes before its first byte: missing, by its whole path; it goes when it is back', async () => {
    const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
    const { stage } = all
    await stage.file('a.exr', 'small')
    const source = stage.studioPath('a.exr')
    let isDone = false
    const running = await all.start({
      studio: {
        async beforeRead() {
          if (!isDone) await unlink(source)
          isDone = true
        },
      },
    })
    const document = representation([entry('{root[work]}/a.exr', inArray('mirror'))])
    await stage.insert(document)
    const failed = await running.lines.until('transfer.failed')
    expect(failed).toMatchObject({
      error: { code: 'SOURCE_MISSING', message: expect.stringContaining(source) as string },
      site_sync: { tries: 1 },
    })
    expect(await filesBelow(stage.dir)).toEqual([])
    await stage.file('a.exr', 'small')
    await expectMirrored(all, document, { 'a.exr': 'small' })
    await running.stop()
  })

  test('may not be read: that file alone spends a try, its siblings go', async () => {
    const all = await openMirrorStage()
    const { stage } = all
    for (const path of ['a.exr', 'b.exr']) await stage.file(path)
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    const running = await all.start({
      studio: {
        beforeStat({ root, path }) {
          // Root may read everything, so it is said here as the provider would say it.
          if (path === 'a.exr') throw new SyncError('PERMISSION', `${join(root, path)} can't be read: permission denied`, { cause: denied })
        },
      },
    })
    const document = representation(['a.exr', 'b.exr'].map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
    await stage.insert(document)
    await expectMirrored(all, document, { 'b.exr': 'b.exr' })
    const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { site: 'mirror' })
    expect(record['error']).toContain(`${stage.studioPath('a.exr')} can't be read`)
    expect((await running.lines.until('transfer.failed')).error?.code).toBe('SOURCE_UNREADABLE')
    expect(running.lines.count('site.cooling')).toBe(0)
    await running.stop()
  })
})

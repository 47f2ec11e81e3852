import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, onTestFinished, test } from 'vitest'

import type { Settings } from '../../../src/model/settings.ts'
import type { Site } from '../../../src/model/site.ts'
import { CAN_MOUNT } from '../../support/faulty-mount.ts'
import { mountShare } from '../../support/mounted-share.ts'
import { filesBelow, mirrorRecords, openMirrorStage, type MirrorStage } from '../../support/mirror-stage.ts'
import { entry, inArray, inObject, representation, type Representation } from '../../support/published.ts'
import { waitFor } from '../../support/wait-for.ts'

const run = promisify(execFile)
const ROOTS = ['work', 'render'] as const

interface TwoRoots extends MirrorStage {
  readonly settings: Settings
  readonly share: Awaited<ReturnType<typeof mountShare>>
}

/** Publishes and mirror have two roots each; `render` of one of them is a share. A file has arrived at either. */
async function twoRoots(site: 'mirror' | 'studio'): Promise<TwoRoots> {
  const all = await openMirrorStage({ settings: { loopDelaySeconds: 0.4 } })
  const { stage } = all
  const folder = (name: string, root: string): string => (name === 'studio' ? stage.studioPath('', root) : join(stage.dir, 'mirror', root))
  const sites = new Map(stage.settings.sites)
  for (const name of ['mirror', 'studio']) {
    const root = new Map(ROOTS.map((each) => [each, folder(name, each)]))
    sites.set(name, { name, provider: 'local_drive', root, concurrency: 2, alternativeSites: [] } satisfies Site)
  }
  const settings = { ...stage.settings, remoteSite: 'mirror', sites }
  const nas = await mountShare(folder(site, 'render'))
  const running = await all.start({}, { settings })
  const first = await publish(all, { work: ['first.exr'], render: ['first.exr'] })
  await arrived(all, first)
  await running.stop()
  return { ...all, settings, share: nas }
}

async function publish({ stage }: MirrorStage, files: Readonly<Record<string, readonly string[]>>): Promise<Representation> {
  const entries = Object.entries(files).flatMap(([root, paths]) => paths.map((path) => ({ root, path })))
  for (const { root, path } of entries) await stage.file(path, path, root)
  const document = representation(
    entries.map(({ root, path }, n) => entry(`{root[${root}]}/${path}`, n % 2 === 0 ? inArray('mirror') : inObject({ mirror: {} }))),
  )
  await stage.insert(document)
  return document
}

async function arrived({ stage }: MirrorStage, document: Representation): Promise<void> {
  for (const file of document.files.keys()) await stage.synced(document, { site: 'mirror', file })
}

const MANY = Array.from({ length: 12 }, (_, n) => `x.${n}.exr`)

describe.skipIf(!CAN_MOUNT).each(['mirror', 'studio'] as const)('one of several roots of %s is not mounted', (site) => {
  test('its files wait without an attempt, and go on when it is back; the other root goes on', async () => {
    const all = await twoRoots(site)
    const { stage, settings } = all
    const waiting = await publish(all, { render: MANY })
    await all.share.leave()
    const running = await all.start({}, { settings })
    const down = await running.lines.until('site.cooling')
    expect(down).toMatchObject({ error: { code: 'ROOT_MISSING' }, site_sync: { site } })
    expect(down.message).toContain('its other roots go on')
    expect(down.message).toContain('/render ')
    // A scan after a scan, and each new file of the other root at once.
    for (const path of ['a.exr', 'b.exr', 'c.exr']) {
      await arrived(all, await publish(all, { work: [path] }))
      await running.lines.until('scan.finished', running.lines.count('scan.finished') + 2)
    }
    expect(running.lines.count('site.cooling')).toBe(1)
    // Those that were under way when it was found out.
    expect(running.lines.count('transfer.failed')).toBeLessThanOrEqual(4)
    for (const record of await mirrorRecords(stage, waiting)) {
      expect(record).not.toHaveProperty('tries')
      expect(record).not.toHaveProperty('created_dt')
    }
    await waitFor('status', async () => {
      const instances = await stage.state.collection('instances').find().toArray()
      const sites = instances.flatMap((instance) => instance['sites'] as { site: string; state: string; error?: string }[])
      return sites.some((each) => each.site === site && each.state === 'ok' && each.error?.includes('/render ') === true)
    })
    await all.share.mount()
    await running.lines.until('site.recovered')
    await arrived(all, waiting)
    expect(await filesBelow(join(all.mirror, 'render'))).toEqual([...MANY, 'first.exr'].toSorted())
    await running.stop()
  })

  test('in one pass: the rest is done, it ends as failed and names the site', async () => {
    const all = await twoRoots(site)
    const waiting = await publish(all, { render: MANY })
    const others = await publish(all, { work: MANY })
    await all.share.leave()
    const pass = all.stage.launch({ settings: all.settings, mode: 'once' })
    const { troubled } = await pass.ended
    expect([...troubled]).toEqual([site])
    await arrived(all, others)
    for (const record of await mirrorRecords(all.stage, waiting)) expect(record).not.toHaveProperty('tries')
    // Nothing is written to the folder that stands in the place of the share.
    expect(await filesBelow(join(all.mirror, 'render'))).toEqual(site === 'mirror' ? [] : ['first.exr'])
  })
})

test.skipIf(!CAN_MOUNT)('a folder that may not be written to, while another root is not mounted: still its own files’ fault', async () => {
  const all = await twoRoots('mirror')
  const document = await publish(all, { work: ['closed/odd.exr', 'good.exr'] })
  const closed = join(all.mirror, 'work', 'closed')
  await mkdir(closed)
  await run('mount', ['--bind', closed, closed])
  onTestFinished(async () => void (await run('umount', ['-l', closed])))
  await run('mount', ['-o', 'remount,bind,ro', closed])
  await all.share.leave()
  const running = await all.start({}, { settings: all.settings })
  // Its probe of the site comes upon the missing root.
  await all.stage.until(document, 'tries 1', ({ tries }) => Number(tries) >= 1, { site: 'mirror', file: 0 })
  await all.stage.synced(document, { site: 'mirror', file: 1 })
  const cooling = running.lines.of('site.cooling')
  expect(cooling.map(({ message }) => message)).toEqual([expect.stringContaining('its other roots go on')])
  await running.stop()
})

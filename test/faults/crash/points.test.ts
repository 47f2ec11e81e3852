import { expect, test } from 'vitest'

import type { CrashPoint } from '../../support/crash-point.ts'
import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, filesBelow, publishFiles } from '../../support/pending-files.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'

const MEBIBYTE = 1024 * 1024
const SITES = ['mirror', 'gdrive']

/** Of each point: how many of the four files (array and object shape, on disk and on Drive) are sent again after the restart. */
const POINTS: readonly [CrashPoint, { readonly mirror: number; readonly gdrive: number }][] = [
  ['before-upload', { mirror: 2, gdrive: 2 }],
  ['mid-upload', { mirror: 2, gdrive: 2 }],
  // On disk the file is put in its place last; Drive has it with the last byte.
  ['after-last-byte', { mirror: 2, gdrive: 0 }],
  ['after-upload', { mirror: 0, gdrive: 0 }],
  ['before-write-back', { mirror: 0, gdrive: 0 }],
]

test.each(POINTS)(
  'kill -9 %s: after a restart each file is there once and marked, and no try is spent',
  async (at, again) => {
    const stage = await Stage.open()
    const drive = await DriveProcess.start()
    const general = { remote_site: 'gdrive', lease_seconds: 4, loop_delay: 3_600 }
    const config = await writeConfig(stage, { general, sites: { gdrive: drive.site() } })
    const victim = await InstanceProcess.start(config, { plan: { crash: { at, action: 'kill', transfers: 4, bytes: 6 * MEBIBYTE } } })
    // Large enough to go to Drive in an upload that can be resumed.
    const documents = await publishFiles(stage, 'crash', 2, { sites: SITES, bytes: 8 * MEBIBYTE })
    expect(await victim.ended()).toBe('SIGKILL')
    for (const document of documents)
      for (const site of SITES)
        expect(Object.keys((await stage.record(document, { site })) ?? {}).filter((key) => key !== 'name')).toEqual([])

    const next = await InstanceProcess.start(config)
    const ids = new Map(await Promise.all(SITES.map(async (site) => [site, await expectMarked(stage, documents, site, 20_000)] as const)))
    await next.stop()
    const paths = ['crash/x.0000.exr', 'crash/x.0001.exr']
    expect(await filesBelow(`${stage.dir}/mirror`)).toEqual(paths)
    const { files } = await drive.state()
    expect(files.map(({ path }) => path).toSorted()).toEqual(paths.map((path) => `My Drive/w/${path}`))
    for (const { path, id, revisions } of files) {
      expect(ids.get('gdrive')?.get(path.slice('My Drive/w/'.length))).toBe(id)
      expect(revisions).toBe(1)
    }
    const sent = (site: string): number =>
      next.lines.of('transfer.succeeded').filter(({ site_sync: fields }) => fields?.site === site && fields['sent_bytes'] !== 0).length
    expect({ mirror: sent('mirror'), gdrive: sent('gdrive') }).toEqual(again)
    expect(next.lines.count('transfer.succeeded')).toBe(4)
    expect(next.lines.count('transfer.failed')).toBe(0)
  },
  60_000,
)

import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

import { expect } from 'vitest'

import type { Site } from '../../src/model/site.ts'
import { openProvider } from '../../src/providers/registry.ts'
import type { ServiceOptions } from '../../src/service/service.ts'
import { hurriedClock, UNHURRIED_LEASE_SECONDS } from './hurried-clock.ts'
import { InterferedProvider, type Interference } from './interfered-provider.ts'
import { recordOf, type Representation } from './published.ts'
import { Stage, type Running, type StageOptions } from './service-harness.ts'

/** A production with a `mirror` on disk as its remote site, and the site `gdrive` in memory. */
export interface MirrorStage {
  readonly stage: Stage
  /** The root of the mirror; it does not exist yet. */
  readonly mirror: string
  /** Starts a service with cool-downs 50 times shorter; `interfere` says what happens meanwhile at a site on disk. */
  start(interfere?: Readonly<Record<string, Interference>>, options?: Partial<ServiceOptions>): Promise<Running>
}

export async function openMirrorStage(options: StageOptions = {}): Promise<MirrorStage> {
  const stage = await Stage.open({ ...options, settings: { leaseSeconds: UNHURRIED_LEASE_SECONDS, ...options.settings } })
  const mirror = join(stage.dir, 'mirror')
  const site: Site = { name: 'mirror', provider: 'local_drive', root: new Map([['work', mirror]]), concurrency: 4, alternativeSites: [] }
  const settings = { ...stage.settings, remoteSite: 'mirror', sites: new Map(stage.settings.sites).set('mirror', site) }
  return {
    stage,
    mirror,
    start: async (interfere = {}, more = {}) =>
      await stage.start({
        settings,
        clock: hurriedClock(50),
        openProvider: async (one, context) => {
          if (one.provider === 'memory') return stage.spy(one.name).open(one)
          const provider = await openProvider(one, context)
          const hooks = interfere[one.name]
          return hooks === undefined ? provider : new InterferedProvider(provider, hooks)
        },
        ...more,
      }),
  }
}

/** Paths of all that is below a folder and no folder itself; hidden and temporary files as well. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .toSorted()
}

/** Waits until these files are marked at the mirror, and checks that they, and nothing else, are there with this content. */
export async function expectMirrored(
  { stage, mirror }: MirrorStage,
  document: Representation,
  contents: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  const paths = Object.keys(contents)
  for (const path of paths) {
    const file = document.files.findIndex((entry) => entry.path === `{root[work]}/${path}`)
    const record = await stage.synced(document, { site: 'mirror', file })
    expect(record).toEqual({ name: 'mirror', created_dt: expect.any(Date) as Date, id: path })
    expect([path, (await readFile(join(mirror, path))).equals(Buffer.from(contents[path] ?? ''))]).toEqual([path, true])
  }
  expect(await filesBelow(mirror)).toEqual(paths.toSorted())
}

/** Of the mirror, as they are now. */
export async function mirrorRecords(stage: Stage, document: Representation): Promise<unknown[]> {
  return (await stage.read(document))?.files.map((file) => recordOf(file, 'mirror')) ?? []
}

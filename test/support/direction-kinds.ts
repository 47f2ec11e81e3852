import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'

import { SyncError } from '../../src/errors.ts'
import type { RootedPath, Site } from '../../src/model/site.ts'
import { openGDrive } from '../../src/providers/gdrive.ts'
import type { CallOptions, Provider } from '../../src/providers/provider.ts'
import { openProvider } from '../../src/providers/registry.ts'
import type { ServiceOptions } from '../../src/service/service.ts'
import { ChaosProvider } from './chaos-provider.ts'
import { CHUNK, openDriveStage, type DriveStage } from './drive-stage.ts'
import { hurriedClock } from './hurried-clock.ts'
import { waitFor } from './wait-for.ts'

/** When the files of these tests were last changed, to the millisecond. */
export const CHANGED = new Date('2024-03-04T05:06:07.890Z')

/** How a site of one provider is made, filled and looked into. */
export interface Kind {
  site(stage: DriveStage, name: string): Promise<Site>
  put(stage: DriveStage, site: string, path: string, content: Buffer): Promise<void>
  get(stage: DriveStage, site: string, path: string): Promise<Buffer | undefined>
}

/** Folders of sites on a fake Drive. */
const folderIds = new WeakMap<object, Map<string, string>>()

const diskPath = ({ stage: { dir } }: DriveStage, site: string, path: string): string => join(dir, 'disks', site, path)

/** Every provider, by a name for people: one that joins is tried in all directions. */
export const KINDS: Readonly<Record<string, Kind>> = {
  local: {
    async site(stage, name) {
      const root = diskPath(stage, name, '')
      await mkdir(root, { recursive: true })
      return { name, provider: 'local_drive', root: new Map([['work', root]]), alternativeSites: [] }
    },
    async put(stage, site, path, content) {
      const full = diskPath(stage, site, path)
      await mkdir(dirname(full), { recursive: true })
      await writeFile(full, content)
      await utimes(full, CHANGED, CHANGED)
    },
    get: async (stage, site, path) => await readFile(diskPath(stage, site, path)).catch(() => undefined),
  },
  memory: {
    site: async (_stage, name) =>
      await Promise.resolve({ name, provider: 'memory', root: new Map([['work', `/${name}`]]), alternativeSites: [] }),
    put: async ({ stage }, site, path, content) => await Promise.resolve(stage.spy(site).store.put(`/${site}/${path}`, content, CHANGED)),
    get: async ({ stage }, site, path) => await Promise.resolve(stage.spy(site).store.get(`/${site}/${path}`)),
  },
  Drive: {
    async site({ stage, drive }, name) {
      const ids = folderIds.get(drive) ?? new Map<string, string>()
      folderIds.set(drive, ids.set(name, drive.addFolder(name)))
      const { credentialsFile = '', apiEndpoint = '' } = stage.settings.sites.get('gdrive') ?? {}
      const root = new Map([['work', `/My Drive/${name}`]])
      return await Promise.resolve({ name, provider: 'gdrive', root, credentialsFile, apiEndpoint, alternativeSites: [] })
    },
    async put({ drive }, site, path, content) {
      const folders = path.split('/').slice(0, -1)
      let parent = folderIds.get(drive)?.get(site) ?? drive.myDrive
      for (const folder of folders) parent = drive.addFolder(folder, { parent })
      drive.addFile(path.split('/').at(-1) ?? '', content, { parent })
      await Promise.resolve()
    },
    get: async ({ drive }, site, path) => await Promise.resolve(drive.file(`My Drive/${site}/${path}`)?.bytes),
  },
}

/** A site whose reads are noted: from where on. One of them may be cut off. */
class NotedSite extends ChaosProvider {
  readonly reads: number[] = []
  /** The next read ends so, after so many bytes, as soon as some of them are stored. */
  cut: { readonly afterBytes: number; readonly isStored: () => boolean } | undefined

  override async read(path: RootedPath, options: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    this.reads.push(options.fromByte ?? 0)
    const stream = await super.read(path, options)
    const { cut } = this
    this.cut = undefined
    return cut ? Readable.from(cutOff(stream, cut), { objectMode: false }) : stream
  }
}

async function* cutOff(stream: Readable, { afterBytes, isStored }: NonNullable<NotedSite['cut']>): AsyncGenerator<Buffer> {
  let left = afterBytes
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) break
  }
  await waitFor('what was read to be stored', isStored)
  throw new SyncError('INTERRUPTED', 'cut off')
}

export interface Directions {
  readonly stage: DriveStage
  /** Sites by name, once they were used. */
  readonly noted: Map<string, NotedSite>
  /** For a service on these sites. */
  readonly service: Partial<ServiceOptions>
}

/** A production whose publish site is an empty disk, with these sites beside it. */
export async function openDirections(kinds: Readonly<Record<string, Kind>>): Promise<Directions> {
  const stage = await openDriveStage()
  const studio = stage.stage.settings.sites.get('studio') as Site
  await mkdir(stage.stage.studioPath(''), { recursive: true })
  const sites = new Map([['studio', studio]])
  for (const [name, kind] of Object.entries(kinds)) sites.set(name, await kind.site(stage, name))
  const noted = new Map<string, NotedSite>()
  const settings = { ...stage.stage.settings, remoteSite: Object.keys(kinds)[0] ?? '', sites }
  return { stage, noted, service: { settings, ...serviceOn(stage, noted) } }
}

function serviceOn({ stage }: DriveStage, noted: Map<string, NotedSite>): Partial<ServiceOptions> {
  return {
    clock: hurriedClock(50),
    retry: { retries: 5, minTimeout: 10, maxTimeout: 100 },
    async openProvider(site, context) {
      const inner: Provider =
        site.provider === 'memory'
          ? stage.spy(site.name).open(site)
          : site.provider === 'gdrive'
            ? await openGDrive(site, context, { sizes: { firstChunk: CHUNK, largestChunk: CHUNK, maxMultipartBytes: 100_000 } })
            : await openProvider(site, context)
      const one = noted.get(site.name) ?? new NotedSite(inner)
      noted.set(site.name, one)
      return one
    },
  }
}

import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished } from 'vitest'

import { openGDrive, type GDriveOptions } from '../../src/providers/gdrive.ts'
import { openProvider } from '../../src/providers/registry.ts'
import type { ServiceOptions } from '../../src/service/service.ts'
import { startFakeDrive, type FakeDrive } from './fake-drive/fake-drive.ts'
import type { FakeDriveSettings } from './fake-drive/settings.ts'
import { hurriedClock, UNHURRIED_LEASE_SECONDS } from './hurried-clock.ts'
import { entry, inArray, recordOf, representation, type Representation } from './published.ts'
import { Stage, type StageOptions } from './service-harness.ts'

/** Uploads in chunks begin beyond this many bytes. */
const SMALL = 100_000
export const CHUNK = 262_144
const SIZES = { firstChunk: CHUNK, largestChunk: CHUNK, maxMultipartBytes: SMALL }

export interface DriveStageOptions extends StageOptions {
  readonly drive?: Partial<FakeDriveSettings>
  /** @defaultValue `/My Drive/w` */
  readonly root?: string
}

/** A production whose site `gdrive` is a fake Drive with the folder `/My Drive/w`, and a site `nas` in memory beside it. */
export interface DriveStage {
  readonly stage: Stage
  readonly drive: FakeDrive
  /** Id of `/My Drive/w`. */
  readonly w: string
}

export async function openDriveStage({ drive: settings, root = '/My Drive/w', ...options }: DriveStageOptions = {}): Promise<DriveStage> {
  const drive = await startFakeDrive(settings)
  onTestFinished(async () => await drive.close())
  const folder = await mkdtemp(join(tmpdir(), 'drive-key-'))
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }))
  const w = drive.addFolder('w')
  const gdrive = {
    name: 'gdrive',
    provider: 'gdrive',
    root: new Map([['work', root]]),
    credentialsFile: await drive.writeCredentials(folder),
    apiEndpoint: drive.endpoint,
    concurrency: 8,
  }
  const stage = await Stage.open({
    ...options,
    sites: [gdrive, { name: 'nas' }, ...(options.sites ?? [])],
    settings: { leaseSeconds: UNHURRIED_LEASE_SECONDS, ...options.settings },
  })
  return { stage, drive, w }
}

/**
 * For a service on it: small chunks, short patience with what does not answer, cool-downs 50 times shorter. Services with different
 * time limits share no connection, as if they were two processes.
 */
export function driveService(stage: Stage, provider: GDriveOptions = {}): Partial<ServiceOptions> {
  return {
    clock: hurriedClock(50),
    retry: { retries: 5, minTimeout: 10, maxTimeout: 100 },
    openProvider: async (site, context) => {
      if (site.provider === 'memory') return stage.spy(site.name).open(site)
      if (site.provider !== 'gdrive') return await openProvider(site, context)
      return await openGDrive(site, context, { sizes: SIZES, timeouts: { connectMs: 10_000, idleMs: 60_000 }, ...provider })
    },
  }
}

/** What is to be at the target in the end. */
export interface Sequence {
  readonly document: Representation
  /** Content by path below the root. */
  readonly contents: ReadonlyMap<string, Buffer>
}

/** Files on the publish site, and the representation that wants them at `sites`; it is not in the database yet. */
export async function sequence(
  stage: Stage,
  sizes: Readonly<Record<string, number>>,
  sites: readonly string[] = ['gdrive'],
): Promise<Sequence> {
  const contents = new Map(Object.entries(sizes).map(([path, size]) => [path, randomBytes(size)]))
  for (const [path, content] of contents) await stage.file(path, content)
  const document = representation([...contents.keys()].map((path) => entry(`{root[work]}/${path}`, inArray(...sites))))
  return { document, contents }
}

/** Waits until every file is marked, and checks that there is nothing else: not in the records, not on the drive. */
export async function expectExact(
  { stage, drive }: Pick<DriveStage, 'stage' | 'drive'>,
  sequences: readonly Sequence[],
  top = 'My Drive/w',
): Promise<void> {
  const wanted = new Map<string, { readonly content: Buffer; readonly id: unknown }>()
  for (const { document, contents } of sequences) {
    for (const file of document.files.keys()) await stage.synced(document, { file, withinMs: 30_000 })
    const now = await stage.read(document)
    for (const [index, [path, content]] of [...contents].entries()) {
      const record = recordOf(now?.files[index], 'gdrive')
      expect([path, record]).toEqual([path, { name: 'gdrive', created_dt: expect.any(Date) as Date, id: expect.any(String) as string }])
      wanted.set(`${top}/${path}`, { content, id: record?.['id'] })
    }
  }
  const files = drive.files()
  expect(files.map(({ path }) => path).toSorted()).toEqual([...wanted.keys()].toSorted())
  for (const { path, id, bytes } of files) {
    expect(id).toBe(wanted.get(path)?.id)
    expect([path, bytes?.equals(wanted.get(path)?.content ?? Buffer.alloc(0))]).toEqual([path, true])
  }
}

/** The folders of these paths, each once, below the top. */
export function foldersOf(sequences: readonly Sequence[], top = 'My Drive/w'): string[] {
  const folders = new Set([`${top}/`])
  for (const path of sequences.flatMap(({ contents }) => [...contents.keys()])) {
    const names = path.split('/').slice(0, -1)
    for (let depth = 1; depth <= names.length; depth++) folders.add(`${top}/${names.slice(0, depth).join('/')}/`)
  }
  return [...folders].toSorted()
}

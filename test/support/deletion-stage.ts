import { SyncError } from '../../src/errors.ts'
import type { Settings } from '../../src/model/settings.ts'
import { ProviderPool } from '../../src/providers/provider-pool.ts'
import { openProvider } from '../../src/providers/registry.ts'
import { deleteFiles, noDeleteCounts } from '../../src/service/delete-files/delete-files.ts'
import type { DeletedFile, DeleteCounts, DeleteParts } from '../../src/service/delete-files/parts.ts'
import { readOnlyMemory } from '../../src/service/read-only-memory.ts'
import { ChaosProvider, type Fault } from './chaos-provider.ts'
import { KINDS, type Kind } from './direction-kinds.ts'
import { openDriveStage, type DriveStage } from './drive-stage.ts'
import { RecordingLog } from './recording-log.ts'

/** The site that files are deleted from: a name that no dotted path can spell. */
export const SITE = 'cl.ient'

interface Deletion extends DeleteCounts {
  readonly files: readonly DeletedFile[]
  readonly log: RecordingLog
}

/** A production with a site of one kind beside the publish site, and `nas` in memory. */
export interface Deletions {
  readonly drive: DriveStage
  readonly stage: DriveStage['stage']
  readonly settings: Settings
  readonly kind: Kind
  put(path: string, content: string): Promise<void>
  get(path: string): Promise<string | undefined>
  /** What goes wrong at sites from now on. */
  fail(site: string, ...faults: readonly Fault[]): void
  /** Awaited before anything is removed from a site. */
  beforeRemoval(act: () => Promise<void>): void
  /** What hangs there goes on. */
  release(): void
  remove(parts?: Partial<DeleteParts>): Promise<Deletion>
}

export const DOWN = new SyncError('UNREACHABLE', 'the host is down', { certain: true })

export async function openDeletions(name: string): Promise<Deletions> {
  const drive = await openDriveStage()
  const { stage } = drive
  const kind = KINDS[name]
  if (!kind) throw new Error(name)
  const settings = { ...stage.settings, leaseSeconds: 5, sites: new Map(stage.settings.sites).set(SITE, await kind.site(drive, SITE)) }
  const faults = new Map<string, Fault[]>()
  const opened: ChaosProvider[] = []
  let beforeRemoval: (() => Promise<void>) | undefined
  return {
    drive,
    stage,
    settings,
    kind,
    put: async (path, content) => await kind.put(drive, SITE, path, Buffer.from(content)),
    get: async (path) => (await kind.get(drive, SITE, path))?.toString(),
    fail: (site, ...more) => void faults.set(site, [...(faults.get(site) ?? []), ...more]),
    beforeRemoval: (act) => void (beforeRemoval = act),
    release: () => opened.forEach((provider) => provider.release()),
    async remove(parts = {}) {
      await using providers = new ProviderPool({
        memory: readOnlyMemory(),
        isSource: () => true,
        warn: () => undefined,
        async open(site, context) {
          const inner = site.provider === 'memory' ? stage.spy(site.name).open(site) : await openProvider(site, context)
          const provider = new ChaosProvider(inner, faults.get(site.name) ?? [])
          const remove = provider.remove.bind(provider)
          provider.remove = async (...args) => {
            await beforeRemoval?.()
            return await remove(...args)
          }
          opened.push(provider)
          return provider
        },
      })
      const counts = noDeleteCounts()
      const log = new RecordingLog()
      const site = parts.site ?? SITE
      const all: DeleteParts = {
        db: stage.db,
        state: stage.state,
        settings,
        selection: { site, all: true },
        site,
        dryRun: false,
        misconfigured: new Map(),
        providers,
        who: 'somebody',
        log,
        signal: new AbortController().signal,
        ...parts,
      }
      const files = await Array.fromAsync(deleteFiles(all, counts))
      return { ...counts, files, log }
    },
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SyncError } from '../../../src/errors.ts'
import type { Root, Site } from '../../../src/model/site.ts'
import { openGDrive } from '../../../src/providers/gdrive.ts'
import type { GDriveOptions } from '../../../src/providers/gdrive.ts'
import type { ByteSource, Provider, RemoteFile, WriteOptions, WriteSession } from '../../../src/providers/provider.ts'
import type { ProviderContext } from '../../../src/providers/registry.ts'
import { startFakeDrive } from './fake-drive.ts'
import type { FakeDrive } from './fake-drive.ts'
import { memorySource } from '../memory-source.ts'
import type { FakeDriveSettings } from './settings.ts'
import { permitOf, type Permission } from '../permits.ts'

interface Persistence {
  readonly attempts?: number
  readonly patient?: readonly string[]
  readonly provider?: Provider
  readonly session?: WriteSession
}

export interface RigOptions {
  readonly settings?: Partial<FakeDriveSettings>
  readonly root?: Root
  readonly provider?: GDriveOptions
  readonly context?: Partial<ProviderContext>
  readonly key?: Readonly<Record<string, unknown>>
}

/** A fake Drive with the folder `/My Drive/w`, and the provider connected to it. */
export interface Rig {
  readonly drive: FakeDrive
  readonly provider: Provider
  readonly site: Site
  /** Id of `/My Drive/w`. */
  readonly w: string
  readonly warnings: string[]
  /** Everything that was saved, in order. */
  readonly sessions: WriteSession[]
  readonly progress: number[]
  at(path: string): { root: string; path: string }
  write(
    path: string,
    content: string | Buffer | ByteSource,
    options?: Permission & Partial<Pick<WriteOptions, 'signal' | 'onProgress'>>,
  ): Promise<RemoteFile>
  /**
   * Writes as the service does: again after a transient fault, with the session saved last. Returns the codes of the faults.
   * Site faults end it, unless they are named in `patient`.
   */
  persist(
    path: string,
    content: string | Buffer | ByteSource,
    options?: Persistence,
  ): Promise<{ readonly file: RemoteFile; readonly faults: string[] }>
  /** A second provider; one that shares nothing with the first, unless told to. */
  another(options?: { readonly shared?: boolean; readonly context?: Partial<ProviderContext>; readonly root?: Root }): Promise<Provider>
  close(): Promise<void>
}

export const noSignal = new AbortController().signal

export async function openRig(rigOptions: RigOptions = {}): Promise<Rig> {
  const drive = await startFakeDrive(rigOptions.settings)
  const directory = await mkdtemp(join(tmpdir(), 'fake-drive-'))
  const w = drive.addFolder('w')
  const credentialsFile = await drive.writeCredentials(directory, rigOptions.key)
  const root = rigOptions.root ?? '/My Drive/w'
  const site: Site = { name: 'gdrive', provider: 'gdrive', root, credentialsFile, apiEndpoint: drive.endpoint, alternativeSites: [] }
  const warnings: string[] = []
  const context: ProviderContext = { mayCreateRoot: false, warn: (message) => warnings.push(message), ...rigOptions.context }
  const provider = await openGDrive(site, context, rigOptions.provider)
  const opened = [provider]
  const sessions: WriteSession[] = []
  const progress: number[] = []
  const at = (path: string): { root: string; path: string } => ({
    root: typeof root === 'string' ? root : ([...root.values()][0] ?? ''),
    path,
  })
  let others = 0

  return {
    drive,
    provider,
    site,
    w,
    warnings,
    sessions,
    progress,
    at,
    write: async (path, content, { signal = noSignal, onProgress = (bytes: number) => progress.push(bytes), ...permission } = {}) => {
      const source = typeof content === 'string' || Buffer.isBuffer(content) ? memorySource(content) : content
      return await provider.write(at(path), source, {
        signal,
        onProgress,
        permit: permitOf({ saveSession: (session) => void sessions.push(session), ...permission }),
      })
    },
    persist: async (path, content, { attempts = 5, patient = [], provider: other = provider, session: first } = {}) => {
      const source = typeof content === 'string' || Buffer.isBuffer(content) ? memorySource(content) : content
      const faults: string[] = []
      let session = first
      const saveSession = async (saved: WriteSession): Promise<void> => {
        await Promise.resolve()
        session = saved
        sessions.push(saved)
      }
      for (;;) {
        try {
          const options = {
            signal: noSignal,
            onProgress: (bytes: number) => void progress.push(bytes),
            permit: permitOf({ session, saveSession }),
          }
          return { file: await other.write(at(path), source, options), faults }
        } catch (error) {
          if (!(error instanceof SyncError)) throw error
          faults.push(error.code)
          if ((error.kind !== 'transient' && !patient.includes(error.code)) || faults.length === attempts) throw error
        }
      }
    },
    another: async ({ shared = false, context: theirs = {}, root: other = root } = {}) => {
      // Connections are shared by what they were opened with, so a process of its own is one with other time limits.
      const timeouts = { connectMs: 10_000, idleMs: 60_001 + others++ }
      const second = await openGDrive(
        { ...site, root: other },
        { ...context, ...theirs },
        shared ? rigOptions.provider : { ...rigOptions.provider, timeouts },
      )
      opened.push(second)
      return second
    },
    close: async () => {
      for (const each of opened) await each[Symbol.asyncDispose]()
      await drive.close()
      await rm(directory, { recursive: true })
    },
  }
}

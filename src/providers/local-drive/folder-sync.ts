import { open } from 'node:fs/promises'

import type { Anchor } from './anchor.ts'
import { isErrno } from './errno.ts'

/**
 * Makes renames durable by syncing their folder. Whoever asks while a sync of the same folder runs shares the next one: a sequence
 * of a thousand frames costs a handful of syncs, and each still waits for one that began after its rename.
 */
export class FolderSync {
  readonly #running = new Map<string, Promise<void>>()
  readonly #next = new Map<string, Promise<void>>()

  /** The folder has to be held until the end: a sync that is shared works on the one of whoever asked first. */
  async sync(folder: Anchor): Promise<void> {
    const running = this.#running.get(folder.real)
    if (running === undefined) return await this.#start(folder)
    const next = this.#next.get(folder.real) ?? this.#startAfter(running, folder)
    this.#next.set(folder.real, next)
    return await next
  }

  async #startAfter(running: Promise<void>, folder: Anchor): Promise<void> {
    await Promise.allSettled([running])
    this.#next.delete(folder.real)
    await this.#start(folder)
  }

  async #start(folder: Anchor): Promise<void> {
    const sync = syncFolder(folder).finally(() => this.#running.delete(folder.real))
    this.#running.set(folder.real, sync)
    return await sync
  }
}

/** Not every platform and network file system can sync a folder; where it can't, the rename is as durable as it gets. */
async function syncFolder(folder: Anchor): Promise<void> {
  if (process.platform === 'win32') return
  try {
    const handle = await open(folder.self, 'r')
    await handle.sync().finally(() => void handle.close().catch(() => {}))
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EISDIR', 'EACCES', 'EPERM', 'EBADF', 'ENOENT')) throw error
  }
}

import { SyncError } from '../../errors.ts'
import type { Operation } from '../provider.ts'
import { atRoot } from './at-root.ts'
import type { Connection } from './connection.ts'
import { FolderGone } from './faults.ts'
import type { FolderRef, Item } from './item.ts'
import { multipartUpload } from './multipart-upload.ts'
import { probeName, probeSource } from './probe-file.ts'
import { cancelUpload, startUpload } from './resumable-upload.ts'
import type { Removal, Roots } from './roots.ts'

/** A stopped or failed probe tidies up for so long. */
const TIDY_MS = 5000

/** Tries at the roots of a site what the site is used for. Rejects with faults of the site only. */
export class Probe {
  readonly #connection: Connection
  readonly #roots: Roots

  constructor(connection: Connection, roots: Roots) {
    this.#connection = connection
    this.#roots = roots
  }

  async run(roots: readonly string[], operation: Operation, signal: AbortSignal): Promise<void> {
    if (operation === 'write') await this.#write(roots, signal)
    else for (const root of roots) await atRoot(root, async () => await this.#roots.checkReadable(root, signal))
  }

  async #write(roots: readonly string[], signal: AbortSignal): Promise<void> {
    const checked: (readonly [string, FolderRef, Removal])[] = []
    for (const root of roots) {
      const { folder, removal } = await atRoot(root, async () => await this.#roots.checkWritable(root, signal))
      checked.push([root, folder, removal])
    }
    const own = checked.find(([, { driveId }]) => driveId === undefined)
    if (own !== undefined) await atRoot(own[0], async () => await this.#connection.storage.assertRoom(signal))
    for (const [root, folder, removal] of checked) {
      await atRoot(root, async () => {
        if (removal === 'none') await this.#begin(folder, signal)
        else await this.#writeAndRemove(folder, removal, signal)
      })
    }
  }

  async #writeAndRemove(folder: FolderRef, removal: Removal, signal: AbortSignal): Promise<void> {
    const { api, ids, traffic } = this.#connection
    const source = probeSource()
    // Known beforehand, so that it can be removed even if no answer ever says that it is there.
    const id = await ids.take(signal)
    const name = probeName()
    let removed = false
    try {
      const { trashed } = await multipartUpload(traffic, { id, exists: false, folder, name }, source, signal)
      if (trashed) throw new FolderGone('trying it')
      await api.rename({ id, name }, probeName(), signal)
      const stored = await api.get(id, signal, { what: `reading "${name}" back` })
      const md5 = await source.checksum('md5', signal)
      if (stored?.size !== source.size || (stored.md5 !== undefined && stored.md5 !== md5))
        throw new SyncError('INTERRUPTED', 'Google Drive does not give back what was written there')
      await this.#remove({ id, name }, removal, signal)
      removed = true
    } finally {
      if (!removed) await this.#remove({ id, name }, removal, AbortSignal.timeout(TIDY_MS)).catch(() => {})
    }
  }

  /** Writing works where removing is refused; a file that has to stay is hidden from listings. */
  async #remove(file: Pick<Item, 'id' | 'name'>, removal: Removal, signal: AbortSignal): Promise<void> {
    const { api } = this.#connection
    if (removal === 'delete' && (await unlessRefused(api.delete(file, signal)))) return
    await unlessRefused(api.trash(file, signal))
  }

  /** A file that could not be removed is not written: Google refuses the beginning of an upload where it would refuse the rest. */
  async #begin(folder: FolderRef, signal: AbortSignal): Promise<void> {
    const { ids, traffic } = this.#connection
    const target = { id: await ids.take(signal), exists: false, folder, name: probeName() }
    const uri = await startUpload(traffic, target, probeSource(), signal)
    await cancelUpload(traffic, uri, signal)
  }
}

/** False when the account may not do it. */
async function unlessRefused(call: Promise<void>): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (error instanceof SyncError && error.code === 'PERMISSION') return false
    throw error
  }
}

import { stat } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'

import { SyncError } from '../../errors.ts'

/** Where the files are is looked up again after so long, since an editor replaces a file by another one. Milliseconds. */
const BELIEVED_MS = 1_000

/**
 * The service's own configuration and credentials. They are told by device and inode, so that no link leads to them: whatever root or path a
 * document names, they are neither sent nor written over.
 */
export class OwnFiles {
  readonly #paths: readonly string[]
  readonly #now: () => number
  #known: Promise<ReadonlySet<string>> | undefined
  #at = 0

  constructor(paths: readonly string[] = [], now: () => number = () => performance.now()) {
    this.#paths = paths
    this.#now = now
  }

  /** Rejects with `BAD_PATH` when the file is one of them. */
  async assertNone(info: BigIntStats, where: string): Promise<void> {
    if (this.#paths.length === 0) return
    if (this.#known === undefined || this.#now() - this.#at >= BELIEVED_MS) {
      this.#at = this.#now()
      this.#known = identitiesOf(this.#paths)
    }
    const own = await this.#known
    if (!own.has(identityOf(info))) return
    throw new SyncError('BAD_PATH', `${where} is a configuration or credentials file of Site Sync: it is neither sent nor written`)
  }
}

async function identitiesOf(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(paths.map(async (path) => await stat(path, { bigint: true }).catch(() => undefined)))
  return new Set(found.flatMap((info) => (info === undefined ? [] : [identityOf(info)])))
}

function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

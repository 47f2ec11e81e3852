import { createHash } from 'node:crypto'

import { SyncError } from '../../errors.ts'
import type { AccountKey } from './account-key.ts'
import { Account } from './account.ts'
import { ChunkSize } from './chunk-size.ts'
import type { UploadSizes } from './chunk-size.ts'
import type { Clock } from './clock.ts'
import { DailyLimit } from './daily-limit.ts'
import { DriveApi } from './drive-api.ts'
import { FileIds } from './file-ids.ts'
import { HttpClient } from './http-client.ts'
import type { Timeouts } from './http-client.ts'
import { mintToken } from './mint-token.ts'
import { StorageQuota } from './storage-quota.ts'
import { RateGate } from './rate-gate.ts'
import { Tokens } from './tokens.ts'
import { UploadTraffic } from './upload-traffic.ts'

/** What all sites of one account share: its token, its connections, and how fast it may go. */
export interface Connection {
  readonly account: Account
  readonly api: DriveApi
  readonly traffic: UploadTraffic
  readonly ids: FileIds
  readonly chunkSize: ChunkSize
  readonly storage: StorageQuota
  /** Once by everyone who opened it. */
  release(): void
}

export interface ConnectionOptions {
  /** Scheme, host and port. */
  readonly endpoint: string
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly sizes: UploadSizes
}

const open = new Map<string, { readonly connection: Promise<Omit<Connection, 'release'>>; readonly http: HttpClient; users: number }>()

/** The connection of an account; the same one for everyone in this process. */
export async function connect(key: AccountKey, options: ConnectionOptions): Promise<Connection> {
  const { endpoint, timeouts, sizes } = options
  const name = createHash('sha256')
    .update(JSON.stringify([key, endpoint, timeouts, sizes]))
    .digest('hex')
  let entry = open.get(name)
  if (entry === undefined) {
    const http = new HttpClient(timeouts)
    entry = { connection: build(key, http, options), http, users: 0 }
    open.set(name, entry)
  }
  const used = entry
  used.users++
  const connection = await used.connection
  let released = false
  const release = (): void => {
    if (released) return
    released = true
    if (--used.users > 0) return
    if (open.get(name) === used) open.delete(name)
    used.http.close()
  }
  return { ...connection, release }
}

async function build(
  key: AccountKey,
  http: HttpClient,
  { endpoint, clock, sizes }: ConnectionOptions,
): Promise<Omit<Connection, 'release'>> {
  // Google's client is large; who has no such site does not load it.
  const google = await import('googleapis/build/src/apis/drive/index.js')
  const gate = new RateGate(clock)
  const tokens = new Tokens(clock, async (signal) => {
    const sentAt = clock.now()
    try {
      return await mintToken(google.auth.JWT, key, http, clock, signal)
    } catch (error) {
      if (error instanceof SyncError && error.code === 'RATE_LIMITED') gate.close(sentAt, error.retryAfterMs)
      throw error
    }
  })
  const limit = new DailyLimit(clock)
  const account = new Account({ key, endpoint, http, tokens, gate, clock })
  const api = new DriveApi(google.drive, account, endpoint, () => limit.otherServed())
  const traffic = new UploadTraffic({ endpoint, account, clock, limit })
  return { account, api, traffic, ids: new FileIds(api), chunkSize: new ChunkSize(sizes), storage: new StorageQuota(api, account, clock) }
}

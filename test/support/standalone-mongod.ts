import { spawn } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { findMongod } from '../../replica-set-dev/find-mongod.ts'
import { accepts, freePort } from '../../replica-set-dev/free-port.ts'
import { startGuard } from '../../replica-set-dev/guard.ts'
import { signalMongod, waitUntilGone } from '../../replica-set-dev/process-identity.ts'
import { waitFor } from './wait-for.ts'

export interface StandaloneMongod extends AsyncDisposable {
  readonly uri: string
}

/** A mongod that is no member of any set: it has no oplog, and so no change streams. */
export async function startStandaloneMongod(): Promise<StandaloneMongod> {
  const mongod = await findMongod()
  const dbPath = await realpath(await mkdtemp(path.join(tmpdir(), 'standalone-')))
  const port = await freePort()
  const guard = startGuard(() => undefined)
  guard.tell({ removeDir: dbPath })
  const options = [
    '--port',
    String(port),
    '--dbpath',
    dbPath,
    '--bind_ip',
    '127.0.0.1',
    '--wiredTigerCacheSizeGB',
    '0.25',
    '--nounixsocket',
  ]
  const child = spawn(mongod.path, [...options, '--logpath', path.join(dbPath, 'log')], { stdio: 'ignore', detached: true })
  const { pid } = child
  if (pid === undefined) throw new Error(`${mongod.path} can't be started`)
  guard.tell({ mongod: { pid, dbPath } })
  await waitFor('mongod to answer', async () => await accepts(port), { withinMs: 30_000 })
  return {
    uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
    async [Symbol.asyncDispose]() {
      await signalMongod({ pid, dbPath }, 'SIGKILL')
      await waitUntilGone({ pid, dbPath }, 20_000)
      guard.tell({ done: true })
      await rm(dbPath, { recursive: true, force: true })
    },
  }
}

import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'

import type { Access } from './access.ts'
import { askMember } from './admin.ts'
import { accepts } from './free-port.ts'
import { poll } from './poll.ts'
import { signalMongod } from './process-identity.ts'

export interface MongodOptions {
  readonly mongod: string
  readonly port: number
  readonly dbPath: string
  readonly logPath: string
  readonly oplogSizeMb?: number | undefined
  readonly syncDelaySeconds?: number | undefined
  readonly enableTestCommands?: boolean | undefined
  /** Nobody else comes in. */
  readonly access?: Access | undefined
}

/** The port was free when we looked and is not any more. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError'
}

export const REPLICA_SET_NAME = 'rs0'

/** mongod's exit code when it can't listen. */
const EXIT_NET_ERROR = 48
const STARTUP_TIMEOUT_MS = 60_000

/**
 * Starts a mongod on the loopback and waits until it answers; `onSpawn` gets its pid before anything else happens.
 * It has a process group of its own: Ctrl-C in the terminal is for its owner, who may still need the database to finish.
 */
export async function spawnMongod(options: MongodOptions, onSpawn: (pid: number) => void): Promise<number> {
  await mkdir(options.dbPath, { recursive: true })
  await rm(options.logPath, { force: true })
  const child = spawn(options.mongod, mongodArguments(options), { stdio: 'ignore', detached: true, windowsHide: true })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`exit ${code ?? signal}`))
  })
  let end: string | undefined
  void ended.then((how) => (end = how))
  child.unref()
  const pid = child.pid
  if (pid === undefined) throw new Error(`${options.mongod} can't be started: ${await ended}`)
  onSpawn(pid)
  try {
    await poll(
      async () => {
        if (end !== undefined) throw await startError(options, end)
        return (await accepts(options.port)) && (await answersAs(pid, options))
      },
      { what: `answer from mongod on port ${options.port}`, timeoutMs: STARTUP_TIMEOUT_MS, everyMs: 10 },
    )
  } catch (error) {
    await signalMongod({ pid, dbPath: options.dbPath }, 'SIGKILL')
    throw error
  }
  return pid
}

function mongodArguments(options: MongodOptions): string[] {
  const flags: Record<string, string | number | undefined> = {
    replSet: REPLICA_SET_NAME,
    bind_ip: '127.0.0.1',
    port: options.port,
    dbpath: options.dbPath,
    logpath: options.logPath,
    // With half of it, a document of 16 MB may be refused as "too large for the cache" while much else is being written.
    wiredTigerCacheSizeGB: 0.5,
    oplogSize: options.oplogSizeMb,
    syncdelay: options.syncDelaySeconds,
    keyFile: options.access?.keyFile,
  }
  const parameters: Record<string, string | number | undefined> = {
    diagnosticDataCollectionEnabled: 'false',
    // A signalled member would otherwise stay up to 15 s for the sake of clients that fail over.
    shutdownTimeoutMillisForSignaledShutdown: 100,
    // A secondary whose first question to a primary is met by silence would wait for 65 s before it follows another: majority writes with it.
    oplogInitialFindMaxSeconds: 5,
    oplogNetworkTimeoutBufferSeconds: 2,
    enableTestCommands: options.enableTestCommands === true ? 1 : undefined,
    // Otherwise whoever comes first from this machine may make the first user.
    enableLocalhostAuthBypass: options.access === undefined ? undefined : 'false',
  }
  return [
    '--quiet',
    ...(process.platform === 'win32' ? [] : ['--nounixsocket']),
    ...given(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...given(parameters).flatMap(([name, value]) => ['--setParameter', `${name}=${value}`]),
  ]
}

function given<T>(record: Record<string, T | undefined>): [string, T][] {
  return Object.entries(record).filter((entry): entry is [string, T] => entry[1] !== undefined)
}

/** Another program may have taken the port between our look and mongod's; only our own pid counts. */
async function answersAs(pid: number, { port, access }: MongodOptions): Promise<boolean> {
  const status = await askMember(port, { serverStatus: 1, repl: 0, metrics: 0, wiredTiger: 0 }, access).catch(() => undefined)
  return Number(status?.['pid']) === pid
}

async function startError({ logPath, port, dbPath, mongod }: MongodOptions, end: string): Promise<Error> {
  if (end === `exit ${EXIT_NET_ERROR}`) return new PortTakenError(`port ${port} is taken`)
  const log = await readFile(logPath, 'utf8').catch(() => '')
  const tail = log.trim().split('\n').slice(-5).join('\n')
  const hint = log.includes('DBPathInUse') ? `\nanother mongod uses ${dbPath}` : ''
  return new Error(`${mongod} ended while starting (${end})${hint}${tail === '' ? '' : `\nlast lines of its log:\n${tail}`}`)
}

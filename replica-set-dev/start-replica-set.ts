import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { accessIn } from './access.ts'
import { catchUp, electFirst, ensureConfiguration, ensureOwner } from './admin.ts'
import { runningMembers } from './attach-replica-set.ts'
import { findMongod } from './find-mongod.ts'
import { freePort, isFree } from './free-port.ts'
import { startGuard } from './guard.ts'
import type { Guard } from './guard.ts'
import { PortTakenError, REPLICA_SET_NAME, spawnMongod } from './mongod-process.ts'
import { signalMongod } from './process-identity.ts'
import { ReplicaSet } from './replica-set.ts'
import type { Member } from './replica-set.ts'
import { memberPaths, readState, writeState } from './state-file.ts'

export interface StartOptions {
  /** How many mongods. @defaultValue what `dir` holds already, otherwise 1 */
  readonly members?: 1 | 3 | undefined
  /** Keeps the data there, also between runs. Without it: a temporary folder that `stop()` removes. */
  readonly dir?: string | undefined
  /** Port of the first member; the others take the next ones. @defaultValue those `dir` used before if free, otherwise any */
  readonly port?: number | undefined
  /** @defaultValue the server's own, at least 990 */
  readonly oplogSizeMb?: number | undefined
  /** Seconds between checkpoints; 1 with a tiny oplog makes the oplog roll within a second. @defaultValue 60 */
  readonly syncDelaySeconds?: number | undefined
  /** Allows `configureFailPoint`. */
  readonly enableTestCommands?: boolean | undefined
  /**
   * Only its owner comes in: the members share a key, and `uri` has a random password. Both are kept in the folder, for its owner alone.
   * @defaultValue as `dir` has it, otherwise false: everybody on this machine comes in
   */
  readonly isProtected?: boolean | undefined
  /** @defaultValue 2000 */
  readonly electionTimeoutMillis?: number | undefined
  /** @defaultValue 500 */
  readonly heartbeatIntervalMillis?: number | undefined
  /** Path of the mongod. @defaultValue what `findMongod` finds, or downloads */
  readonly mongod?: string | undefined
  /** The set is to run on when this process has ended; otherwise even a SIGKILL of this process leaves no mongod. */
  readonly detached?: boolean | undefined
  readonly onNote?: ((note: string) => void) | undefined
}

const PORT_ATTEMPTS = 5

/**
 * Starts a replica set on the loopback and resolves when it has a primary that takes writes and every other member is a secondary with
 * the same data.
 * Rejects with a message for a person; nothing is left running then.
 */
export async function startReplicaSet(options: StartOptions = {}): Promise<ReplicaSet> {
  const { onNote = () => {} } = options
  const temporary = options.dir === undefined
  const mongod = options.mongod ?? (await findMongod({ onNote })).path
  const dir = await realpath(options.dir === undefined ? await mkdtemp(path.join(tmpdir(), 'replica-set-')) : await existing(options.dir))
  const saved = await readState(dir)
  const count = options.members ?? saved?.members.length ?? 1
  if (saved !== undefined && saved.members.length !== count) {
    throw new Error(`${dir} holds a replica set of ${saved.members.length}, not ${count}: start it as it is, or anew (--fresh)`)
  }

  if ((await runningMembers(dir, saved)).length > 0) throw new Error(`a replica set runs in ${dir} already`)
  const guard = startGuard(onNote)
  if (temporary) guard.tell({ removeDir: dir })
  const isProtected = options.isProtected ?? saved?.password !== undefined
  const access = isProtected ? await accessIn(dir, saved?.password) : undefined
  const own = {
    mongod,
    oplogSizeMb: options.oplogSizeMb,
    syncDelaySeconds: options.syncDelaySeconds,
    enableTestCommands: options.enableTestCommands,
  }
  const server = { ...own, access }
  const election = {
    electionTimeoutMillis: options.electionTimeoutMillis ?? 2000,
    heartbeatIntervalMillis: options.heartbeatIntervalMillis ?? 500,
  }
  const saving = { version: 1, ...own, ...election, password: access?.password } as const
  const spawned: Member[] = []

  const startMember = async (index: number): Promise<Member> => {
    const paths = memberPaths(dir, index)
    for (let attempt = 1; ; attempt++) {
      const port = options.port === undefined ? await preferredPort(saved?.members[index]?.port) : options.port + index
      try {
        const pid = await spawnMongod({ ...server, ...paths, port }, (spawnedPid) => {
          spawned.push({ index, port, pid: spawnedPid, ...paths })
          guard.tell({ mongod: { pid: spawnedPid, dbPath: paths.dbPath } })
        })
        return { index, port, pid, ...paths }
      } catch (error) {
        if (!(error instanceof PortTakenError) || options.port !== undefined || attempt === PORT_ATTEMPTS) throw error
      }
    }
  }

  try {
    const started = await Promise.allSettled(Array.from({ length: count }, async (_, index) => startMember(index)))
    const members = started.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    const ports = members.map(({ port }) => port)
    const door = { name: REPLICA_SET_NAME, ports, access }
    await ensureConfiguration(door, election)
    await electFirst(door)
    if (access !== undefined) await ensureOwner({ ...door, access })
    const set = new ReplicaSet({
      dir,
      members,
      options: server,
      temporary,
      save: async (changed) => (temporary ? undefined : writeState(dir, { ...saving, uri: changed.uri, members: pidsOf(changed) })),
      onSpawn: ({ pid, dbPath }) => guard.tell({ mongod: { pid: pid as number, dbPath } }),
      onStopped: () => guard.tell({ done: true }),
    })
    await Promise.all(members.map(async (member) => set.waitUntilMember(member)))
    await catchUp(door)
    await set.save()
    if (options.detached === true) guard.tell({ done: true })
    return set
  } catch (error) {
    await abandon(spawned, temporary ? dir : undefined, guard)
    throw error
  }
}

async function existing(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return dir
}

async function preferredPort(wanted: number | undefined): Promise<number> {
  return wanted !== undefined && (await isFree(wanted)) ? wanted : freePort()
}

function pidsOf({ members }: ReplicaSet): { port: number; pid: number | undefined }[] {
  return members.map(({ port, pid }) => ({ port, pid }))
}

async function abandon(spawned: readonly Member[], temporaryDir: string | undefined, guard: Guard): Promise<void> {
  await Promise.all(spawned.map(async ({ pid, dbPath }) => signalMongod({ pid: pid as number, dbPath }, 'SIGKILL')))
  if (temporaryDir !== undefined) await rm(temporaryDir, { recursive: true, force: true, maxRetries: 5 })
  guard.tell({ done: true })
}

import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { KEY_FILE_NAME } from './access.ts'

/** What is remembered in the folder of a replica set, so that the next command finds it. */
export interface SavedReplicaSet {
  readonly version: 1
  readonly mongod: string
  readonly uri: string
  /** The owner's, where the set is protected. */
  readonly password?: string | undefined
  readonly members: readonly SavedMember[]
  readonly electionTimeoutMillis?: number | undefined
  readonly heartbeatIntervalMillis?: number | undefined
  readonly oplogSizeMb?: number | undefined
  readonly syncDelaySeconds?: number | undefined
  readonly enableTestCommands?: boolean | undefined
}

interface SavedMember {
  readonly port: number
  /** Absent while it is stopped. */
  readonly pid?: number | undefined
}

const FILE_NAME = 'replica-set.json'

/** Undefined when there is none. Rejects when the file is not ours to understand. */
export async function readState(dir: string): Promise<SavedReplicaSet | undefined> {
  const file = path.join(dir, FILE_NAME)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const state = parse(text)
  if (state === undefined)
    throw new Error(`${file} can't be understood; "start --fresh" or "stop --remove" makes room for a new replica set`)
  return state
}

function parse(text: string): SavedReplicaSet | undefined {
  try {
    const state = JSON.parse(text) as Partial<SavedReplicaSet>
    const ports = state.members?.map((member) => member.port) ?? []
    return state.version === 1 && ports.length > 0 && ports.every(Number.isInteger) ? (state as SavedReplicaSet) : undefined
  } catch {
    return undefined
  }
}

/** Whole or not at all: a reader never sees half a file. It may hold a password: for its owner alone. */
export async function writeState(dir: string, state: SavedReplicaSet): Promise<void> {
  await mkdir(dir, { recursive: true })
  const part = path.join(dir, `${FILE_NAME}.${process.pid}`)
  await rm(part, { force: true })
  await writeFile(part, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
  await rename(part, path.join(dir, FILE_NAME))
}

/** The members' places below the folder. */
export function memberPaths(dir: string, index: number): { dbPath: string; logPath: string } {
  return { dbPath: path.join(dir, `member-${index}`), logPath: path.join(dir, `member-${index}.log`) }
}

/** Where `seed` puts its files unless told otherwise. */
export function seedDir(dir: string): string {
  return path.join(dir, 'seed')
}

/** Removes what we put into the folder and nothing else; the folder too when it is empty then. */
export async function removeData(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => [])
  const ours = names.filter((name) => [FILE_NAME, KEY_FILE_NAME, 'seed'].includes(name) || /^member-\d+(\.log)?$/.test(name))
  await Promise.all(ours.map(async (name) => rm(path.join(dir, name), { recursive: true, force: true, maxRetries: 5 })))
  await rmdir(dir).catch(() => {})
}

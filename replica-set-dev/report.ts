import { MongoClient } from 'mongodb'
import type { Document } from 'mongodb'

import { isRunning } from './process-identity.ts'
import type { ReplicaSet } from './replica-set.ts'

/** What `status` tells; with `--json` as it is. */
export interface StatusReport {
  /** Not there when the replica set is the user's own. */
  readonly dir?: string
  readonly uri: string
  /** `host:port` of the member that takes writes. */
  readonly primary: string | undefined
  readonly members: readonly MemberReport[]
}

interface MemberReport {
  readonly host: string
  /** `PRIMARY`, `SECONDARY`, …; `STOPPED` has no process, `NOT ANSWERING` has one that is frozen or just starts. */
  readonly state: string
  readonly pid?: number
  readonly dataDir?: string
}

export async function reportOf(set: ReplicaSet): Promise<StatusReport> {
  const states = await set.states()
  const members = await Promise.all(
    set.members.map(async ({ port, pid, dbPath }, index): Promise<MemberReport> => {
      const state = states[index]?.state ?? 'DOWN'
      const running = pid !== undefined && (await isRunning({ pid, dbPath }))
      const shown = state === 'DOWN' ? (running ? 'NOT ANSWERING' : 'STOPPED') : state
      return { host: `127.0.0.1:${port}`, state: shown, ...(running ? { pid } : {}), dataDir: dbPath }
    }),
  )
  return { dir: set.dir, uri: set.uri, primary: primaryOf(members), members }
}

/** The same of a replica set that we did not start. Rejects when nobody answers, or when it is none. */
export async function reportOfGiven(uri: string): Promise<StatusReport> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 5000 })
  try {
    const hello = await client.db('admin').command({ hello: 1 })
    if (hello['setName'] === undefined)
      throw new Error('the server at the given URI is no replica set; change streams need one (mongod --replSet)')
    const status = await client
      .db('admin')
      .command({ replSetGetStatus: 1 })
      .catch(() => undefined)
    const members = (status?.['members'] as Document[] | undefined)?.map((member) => ({
      host: String(member['name']),
      state: String(member['stateStr']),
    }))
    return { uri: withoutPassword(uri), primary: hello['primary'] as string | undefined, members: members ?? hostsOf(hello) }
  } finally {
    await client.close()
  }
}

/** Who may not ask for the status still learns the hosts. */
function hostsOf(hello: Document): MemberReport[] {
  return ((hello['hosts'] as string[] | undefined) ?? []).map((host) => ({ host, state: host === hello['primary'] ? 'PRIMARY' : 'MEMBER' }))
}

function primaryOf(members: readonly MemberReport[]): string | undefined {
  return members.find(({ state }) => state === 'PRIMARY')?.host
}

export function withoutPassword(uri: string): string {
  return uri.replace(/^(mongodb(?:\+srv)?:\/\/[^:@/]*):[^@/]*@/, '$1:***@')
}

export function statusLines({ dir, uri, primary, members }: StatusReport): string[] {
  const rows = members.map(({ host, state, pid, dataDir }) => [host, state, pid === undefined ? '' : `pid ${pid}`, dataDir ?? ''])
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return [
    `uri      ${uri}`,
    ...(dir === undefined ? [] : [`folder   ${dir}`]),
    `primary  ${primary ?? 'none'}`,
    ...rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()),
  ]
}

import { mkdir, realpath } from 'node:fs/promises'
import path from 'node:path'

import { attachReplicaSet } from './attach-replica-set.ts'
import { reportOf, reportOfGiven, statusLines, withoutPassword } from './report.ts'
import type { ReplicaSet } from './replica-set.ts'
import { seedDatabase } from './seed-database.ts'
import type { SeedOptions } from './seed-database.ts'
import { startReplicaSet } from './start-replica-set.ts'
import type { StartOptions } from './start-replica-set.ts'
import { withStartLock } from './start-lock.ts'
import { removeData, seedDir } from './state-file.ts'

/** What a command found or did: lines for a person, the same as data, and whether it is as one would wish. */
export interface CommandResult {
  readonly lines: readonly string[]
  readonly json: object
  readonly ok?: boolean
}

export interface Where {
  readonly dir: string
  /** The user's own replica set. */
  readonly uri?: string | undefined
  readonly onNote: (note: string) => void
}

export interface StartCommandOptions extends Pick<
  StartOptions,
  'members' | 'port' | 'oplogSizeMb' | 'syncDelaySeconds' | 'enableTestCommands'
> {
  readonly fresh?: boolean | undefined
}

export async function start(where: Where, { fresh = false, ...options }: StartCommandOptions): Promise<CommandResult> {
  if (where.uri !== undefined) {
    const report = await reportOfGiven(where.uri)
    return {
      lines: ['a URI is given: nothing was started', ...statusLines(report)],
      json: { started: false, ...report },
      ok: report.primary !== undefined,
    }
  }
  await mkdir(where.dir, { recursive: true, mode: 0o700 })
  return withStartLock(where.dir, async () => {
    const dir = await realpath(where.dir)
    if (fresh) await removeSet(dir)
    const there = await attachReplicaSet(dir)
    const running = there?.members.filter(({ pid }) => pid !== undefined).length ?? 0
    if (there !== undefined && running > 0) {
      refuseChange(there, options)
      for (const member of there.members) if (member.pid === undefined) await there.startMember(member)
      await there.primary()
      const report = await reportOf(there)
      return { lines: ['running already', ...statusLines(report)], json: { started: false, ...report } }
    }
    const set = await startReplicaSet({ ...options, dir, isProtected: true, detached: true, onNote: where.onNote })
    const report = await reportOf(set)
    return { lines: ['started', ...statusLines(report)], json: { started: true, ...report } }
  })
}

function refuseChange({ members }: ReplicaSet, { members: count, port }: StartCommandOptions): void {
  const differs = (count !== undefined && count !== members.length) || (port !== undefined && port !== members[0]?.port)
  if (differs)
    throw new Error(
      `a replica set of ${members.length} on port ${members[0]?.port} runs in this folder: stop it first, or name another --dir`,
    )
}

export async function status(where: Where): Promise<CommandResult> {
  if (where.uri === undefined && (await attachReplicaSet(await real(where.dir))) === undefined) {
    return { lines: [`no replica set in ${where.dir}; "start" makes one`], json: { dir: where.dir, members: [] }, ok: false }
  }
  const report = where.uri === undefined ? await reportOf(await attached(where)) : await reportOfGiven(where.uri)
  return { lines: statusLines(report), json: report, ok: report.primary !== undefined }
}

export async function stop(where: Where, { remove = false }: { readonly remove?: boolean }): Promise<CommandResult> {
  refuseGiven(where)
  const dir = await real(where.dir)
  const set = await attachReplicaSet(dir).catch((error: unknown) => {
    if (remove) return undefined
    throw error
  })
  const running = set?.members.some(({ pid }) => pid !== undefined) ?? false
  await (remove ? removeSet(dir) : set?.stop())
  const lines = [running ? 'stopped' : 'nothing was running', ...(remove ? ['data removed'] : [])]
  return { lines, json: { stopped: running, removed: remove } }
}

async function removeSet(dir: string): Promise<void> {
  // A state file that can't be read must not keep anyone from starting anew.
  const set = await attachReplicaSet(dir).catch(() => undefined)
  await (set === undefined ? removeData(dir) : set.stop({ remove: true }))
}

export async function seed(
  where: Where,
  options: Omit<SeedOptions, 'uri' | 'root'> & { readonly root?: string | undefined },
): Promise<CommandResult> {
  const uri = where.uri ?? (await attached(where)).uri
  const root = path.resolve(options.root ?? path.join(seedDir(where.dir), options.publishSite))
  const report = await seedDatabase({ ...options, uri, root })
  return {
    lines: [
      `${report.representations} representations in ${report.database}.${report.project}, to be synced from ${report.publishSite} to ${report.remoteSite}`,
      `${report.files} files (${(report.bytes / 1e6).toFixed(1)} MB) below ${root}`,
      ...report.missing.map((file) => `left out on purpose: ${file}`),
    ],
    json: { ...report, uri: withoutPassword(uri) },
  }
}

export async function killPrimary(where: Where): Promise<CommandResult> {
  const set = await attached(where)
  const { port, pid } = await set.primary()
  await set.killPrimary()
  return succession(set, 'killed', { port, pid })
}

export async function stepDown(where: Where): Promise<CommandResult> {
  const set = await attached(where)
  const { port, pid } = await set.stepDown()
  return succession(set, 'stepped down', { port, pid })
}

export async function freezePrimary(where: Where): Promise<CommandResult> {
  const set = await attached(where)
  const primary = await set.primary()
  await set.freeze(primary)
  return succession(set, 'frozen', { port: primary.port, pid: primary.pid })
}

/** Who went, and who takes over where somebody can. */
async function succession(set: ReplicaSet, what: string, { port, pid }: { port: number; pid: number | undefined }): Promise<CommandResult> {
  const went = { host: `127.0.0.1:${port}`, pid }
  const lines = [`${what}: ${went.host} (pid ${pid})`]
  if (set.members.length === 1 && what !== 'stepped down') {
    return {
      lines: [...lines, `the only member: "${what === 'frozen' ? 'thaw' : 'restart-member'}" brings it back`],
      json: { what, ...went },
    }
  }
  const since = performance.now()
  const next = await set.primary()
  const seconds = ((performance.now() - since) / 1000).toFixed(1)
  return {
    lines: [...lines, `new primary: 127.0.0.1:${next.port} (pid ${next.pid}) after ${seconds} s`],
    json: { what, ...went, primary: `127.0.0.1:${next.port}` },
  }
}

export async function thaw(where: Where): Promise<CommandResult> {
  const set = await attached(where)
  const running = set.members.filter(({ pid }) => pid !== undefined)
  for (const member of running) await set.thaw(member)
  for (const member of running) await set.waitUntilMember(member)
  return status(where)
}

/** Stops and starts one member, or starts all that do not run. */
export async function restartMember(where: Where, port: number | undefined): Promise<CommandResult> {
  const set = await attached(where)
  const chosen = set.members.filter((member) => (port === undefined ? member.pid === undefined : member.port === port))
  if (chosen.length === 0) {
    const ports = set.members.map((member) => member.port).join(', ')
    throw new Error(
      port === undefined ? `every member runs; name the one to restart by its port: ${ports}` : `no member on port ${port}: ${ports}`,
    )
  }
  for (const member of chosen) {
    await set.stopMember(member)
    await set.startMember(member)
  }
  await set.primary()
  return status(where)
}

async function attached(where: Where): Promise<ReplicaSet> {
  refuseGiven(where)
  const set = await attachReplicaSet(await real(where.dir))
  if (set === undefined) throw new Error(`no replica set in ${where.dir}; "start" makes one`)
  return set
}

function refuseGiven({ uri }: Where): void {
  if (uri !== undefined)
    throw new Error(`the replica set at ${withoutPassword(uri)} is yours: only what "start" started can be stopped or disturbed`)
}

async function real(dir: string): Promise<string> {
  return realpath(dir).catch(() => dir)
}

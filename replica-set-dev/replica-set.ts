import { rm } from 'node:fs/promises'

import { OWNER } from './access.ts'
import { askMember, memberState } from './admin.ts'
import type { MemberState } from './admin.ts'
import { REPLICA_SET_NAME, spawnMongod } from './mongod-process.ts'
import type { MongodOptions } from './mongod-process.ts'
import { poll } from './poll.ts'
import { isRunning, signalMongod, waitUntilGone } from './process-identity.ts'
import { removeData } from './state-file.ts'

/** One mongod of the set. The object stays the same when the member is stopped and started; its pid does not. */
export interface Member {
  readonly index: number
  readonly port: number
  readonly dbPath: string
  readonly logPath: string
  /** Undefined while the member is stopped. */
  readonly pid: number | undefined
}

type MutableMember = { -readonly [K in keyof Member]: Member[K] }

export interface ReplicaSetParts {
  readonly dir: string
  readonly members: readonly Member[]
  readonly options: Omit<MongodOptions, 'port' | 'dbPath' | 'logPath'>
  /** The data is nobody's: `stop()` removes it. */
  readonly temporary: boolean
  /** Remembers the ports and pids; called whenever a pid changed. */
  readonly save: (set: ReplicaSet) => Promise<void>
  /** Called with the pid of a member as soon as there is one. */
  readonly onSpawn: (member: Member) => void
  readonly onStopped: () => void
}

export interface StopOptions {
  /** Remove the data; by default only that of a set in a temporary folder. */
  readonly remove?: boolean
}

const SHUTDOWN_TIMEOUT_MS = 20_000

/** A running replica set on this machine. */
export class ReplicaSet implements AsyncDisposable {
  readonly dir: string
  readonly #parts: ReplicaSetParts
  readonly #members: MutableMember[]
  #lastSave: Promise<void> = Promise.resolve()

  constructor(parts: ReplicaSetParts) {
    this.dir = parts.dir
    this.#parts = parts
    this.#members = parts.members.map((member) => ({ ...member }))
  }

  get members(): readonly Member[] {
    return this.#members
  }

  /** Names every member, running or not; with the owner's password where the set is protected. */
  get uri(): string {
    const { access } = this.#parts.options
    const user = access === undefined ? '' : `${OWNER}:${access.password}@`
    return `mongodb://${user}${this.#members.map(({ port }) => `127.0.0.1:${port}`).join(',')}/?replicaSet=${REPLICA_SET_NAME}`
  }

  /** What each member says of itself, in the order of `members`. */
  async states(): Promise<MemberState[]> {
    return Promise.all(this.#members.map(async (member) => this.#stateOf(member)))
  }

  /** The member that takes writes; waits for an election when there is none. */
  async primary(timeoutMs = 30_000): Promise<Member> {
    return poll(
      async () => {
        const states = await this.states()
        return this.#members[states.findIndex(({ writable }) => writable)]
      },
      { what: 'primary', timeoutMs, everyMs: 50 },
    )
  }

  /** SIGKILLs the primary and tells which member it was; does not wait for the next one. */
  async killPrimary(): Promise<Member> {
    const primary = await this.primary()
    await this.stopMember(primary, 'SIGKILL')
    return primary
  }

  /** The primary hands over; a set of one member is without a primary for a second. Tells which member it was. */
  async stepDown(): Promise<Member> {
    const primary = await this.primary()
    const alone = this.#members.length === 1
    const command = { replSetStepDown: alone ? 1 : 10, secondaryCatchUpPeriodSecs: alone ? 0 : 5, force: alone }
    await askMember(primary.port, command, this.#parts.options.access)
    return primary
  }

  /** SIGSTOP: the member keeps its sockets open and answers nothing. Not on Windows. */
  async freeze(member: Member): Promise<void> {
    await this.#signal(member, 'SIGSTOP')
  }

  async thaw(member: Member): Promise<void> {
    await this.#signal(member, 'SIGCONT')
  }

  /** Starts a stopped member on its port and data, and waits until it is primary or secondary. */
  async startMember(member: Member): Promise<void> {
    const own = this.#own(member)
    if (own.pid !== undefined && (await isRunning({ pid: own.pid, dbPath: own.dbPath }))) return
    await spawnMongod({ ...this.#parts.options, port: own.port, dbPath: own.dbPath, logPath: own.logPath }, (pid) => {
      own.pid = pid
      this.#parts.onSpawn(own)
    })
    await this.save()
    await this.waitUntilMember(own)
  }

  /** Waits until the member is primary or secondary. */
  async waitUntilMember(member: Member, timeoutMs = 60_000): Promise<void> {
    const what = `primary or secondary on port ${member.port}`
    await poll(async () => ['PRIMARY', 'SECONDARY'].includes((await this.#stateOf(member)).state), { what, timeoutMs, everyMs: 50 })
  }

  /** Resolves when the process is gone; a member that takes more than 20 s to end is killed. Stopping a stopped one is fine. */
  async stopMember(member: Member, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const own = this.#own(member)
    if (own.pid === undefined) return
    await end({ pid: own.pid, dbPath: own.dbPath }, signal)
    own.pid = undefined
    await this.save()
  }

  /** Ends all members. Temporary data is removed and so needs no orderly end; kept data gets one. Calling it again is fine. */
  async stop({ remove = this.#parts.temporary }: StopOptions = {}): Promise<void> {
    await Promise.all(this.#members.map(async (member) => this.stopMember(member, remove ? 'SIGKILL' : 'SIGTERM')))
    if (remove) await (this.#parts.temporary ? rm(this.dir, { recursive: true, force: true, maxRetries: 5 }) : removeData(this.dir))
    this.#parts.onStopped()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** One after the other: the last one tells how things are. */
  async save(): Promise<void> {
    const saved = this.#lastSave.then(async () => this.#parts.save(this))
    this.#lastSave = saved.catch(() => {})
    await saved
  }

  async #stateOf({ port }: Member): Promise<MemberState> {
    return memberState(port, this.#parts.options.access)
  }

  async #signal(member: Member, signal: NodeJS.Signals): Promise<void> {
    const { pid, dbPath, port } = this.#own(member)
    if (pid === undefined || !(await signalMongod({ pid, dbPath }, signal))) throw new Error(`the member on port ${port} does not run`)
  }

  #own(member: Member): MutableMember {
    const own = this.#members[member.index]
    if (own?.port !== member.port) throw new Error(`no member of this set: ${member.index} on port ${member.port}`)
    return own
  }
}

async function end(mongod: { pid: number; dbPath: string }, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await signalMongod(mongod, signal)
  // A frozen process takes SIGTERM only when it runs again.
  if (signal === 'SIGTERM' && process.platform !== 'win32') await signalMongod(mongod, 'SIGCONT')
  try {
    await waitUntilGone(mongod, SHUTDOWN_TIMEOUT_MS)
  } catch {
    await signalMongod(mongod, 'SIGKILL')
    await waitUntilGone(mongod, SHUTDOWN_TIMEOUT_MS)
  }
}

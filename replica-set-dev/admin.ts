import { MongoClient, MongoServerError } from 'mongodb'
import type { Db, Document, MongoClientOptions } from 'mongodb'

import { OWNER, type Access } from './access.ts'
import { accepts } from './free-port.ts'
import { poll } from './poll.ts'

export interface MemberState {
  readonly port: number
  /** `PRIMARY`, `SECONDARY`, `STARTUP2`, …; `DOWN` when it does not answer. */
  readonly state: string
  readonly writable: boolean
}

export interface ElectionSettings {
  readonly electionTimeoutMillis: number
  readonly heartbeatIntervalMillis: number
}

/** All members. */
export interface SetDoor {
  readonly name: string
  readonly ports: readonly number[]
  readonly access: Access | undefined
}

const USER_EXISTS = 51_003
const NOT_YET_INITIALIZED = 94
const ALREADY_INITIALIZED = 23

type Admin = (command: Document) => Promise<Document>

/** A member, and how to come in where the set is protected. */
interface Door {
  readonly port: number
  readonly access: Access | undefined
}

/**
 * As the members know each other. It works before there is a set, or any user: no moment is left in which the first user could be made by
 * somebody else.
 */
function asMember({ key }: Access): MongoClientOptions {
  return { auth: { username: '__system', password: key }, authSource: 'local', authMechanism: 'SCRAM-SHA-256' }
}

/** Runs admin commands on one member, whatever its state. `answerWithinMs` bounds each answer: a frozen member never answers. */
async function withMember<T>({ port, access }: Door, use: (admin: Admin) => Promise<T>, answerWithinMs = 20_000): Promise<T> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 1000,
    connectTimeoutMS: 1000,
    socketTimeoutMS: answerWithinMs,
    appName: 'replica-set-dev',
    ...(access && asMember(access)),
  })
  try {
    return await use((command) => client.db('admin').command(command))
  } finally {
    await client.close()
  }
}

export async function askMember(port: number, command: Document, access?: Access): Promise<Document> {
  return withMember({ port, access }, (admin) => admin(command))
}

export async function memberState(port: number, access?: Access): Promise<MemberState> {
  try {
    const ask = async (admin: Admin): Promise<MemberState> => {
      const hello = await admin({ hello: 1 })
      if (hello['isWritablePrimary'] === true) return { port, state: 'PRIMARY', writable: true }
      if (hello['secondary'] === true) return { port, state: 'SECONDARY', writable: false }
      const status = await admin({ replSetGetStatus: 1 }).catch(() => undefined)
      const own = (status?.['members'] as Document[] | undefined)?.find((member) => member['self'] === true)
      return { port, state: String(own?.['stateStr'] ?? 'STARTUP'), writable: false }
    }
    // The driver would ask a port that refuses for a whole second.
    if (await accepts(port)) return await withMember({ port, access }, ask, 1000)
  } catch {
    // No answer, which says it too.
  }
  return { port, state: 'DOWN', writable: false }
}

/** A member whose old port answers to nobody (another program has it now) looks for itself there for 30 s before it goes on. */
const CONFIGURATION_TIMEOUT_MS = 60_000
const CATCH_UP_TIMEOUT_MS = 60_000

/** Makes these ports the members of the set: initiates it, or changes the configuration that the data holds. */
export async function ensureConfiguration({ name, ports, access }: SetDoor, election: ElectionSettings): Promise<void> {
  // Every secondary follows the primary itself: majority writes do not wait for one that lost the other it followed.
  const settings = { ...election, chainingAllowed: false }
  const members = ports.map((port, index) => ({ _id: index, host: `127.0.0.1:${port}` }))
  await withMember(
    { port: ports[0] as number, access },
    async (admin) => {
      const initiated = await admin({ replSetInitiate: { _id: name, members, settings } }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof MongoServerError && error.code === ALREADY_INITIALIZED) return false
          throw error
        },
      )
      if (initiated) return
      const config = await poll(async () => currentConfig(admin), {
        what: 'replica set configuration',
        timeoutMs: CONFIGURATION_TIMEOUT_MS,
      })
      if (fits(config, members, settings)) return
      const { term: _, ...kept } = config
      await admin({
        replSetReconfig: {
          ...kept,
          version: Number(config['version']) + 1,
          members,
          settings: { ...(config['settings'] as Document), ...settings },
        },
        // The members can't agree by themselves on ports that they do not know.
        force: true,
      })
    },
    CONFIGURATION_TIMEOUT_MS,
  )
}

async function currentConfig(admin: Admin): Promise<Document | undefined> {
  try {
    return (await admin({ replSetGetConfig: 1 }))['config'] as Document
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NOT_YET_INITIALIZED) return undefined
    throw error
  }
}

function fits(config: Document, members: readonly { host: string }[], settings: Document): boolean {
  const hosts = (config['members'] as Document[]).map((member) => String(member['host']))
  const current = config['settings'] as Document
  return (
    hosts.join() === members.map(({ host }) => host).join() && Object.entries(settings).every(([name, value]) => current[name] === value)
  )
}

/**
 * Waits until one member takes writes. On the way the first member is asked to stand for election, so that a new set of three
 * does not wait for the election timeout to pass.
 */
export async function electFirst({ ports, access }: SetDoor): Promise<void> {
  await withMember({ port: ports[0] as number, access }, async (admin) => {
    await poll(
      async () => {
        if ((await admin({ hello: 1 }))['isWritablePrimary'] === true) return true
        if (ports.length === 1) return false
        const elected = await admin({ replSetStepUp: 1 }).then(
          () => true,
          () => false,
        )
        if (elected) return false
        const others = await Promise.all(ports.slice(1).map(async (port) => memberState(port, access)))
        return others.some(({ writable }) => writable)
      },
      { what: 'primary', timeoutMs: 60_000 },
    )
  })
}

/**
 * Waits until every member has what the primary has. A member is a secondary as soon as its own first copy is complete, but the oplogs of the
 * others may begin later than that copy ends: were the primary lost now, none of them could bring it up to date, ever.
 */
export async function catchUp(door: SetDoor): Promise<void> {
  await withSet(door, async (admin) => {
    const everywhere = { w: door.ports.length, wtimeout: CATCH_UP_TIMEOUT_MS }
    await admin.command({ appendOplogNote: 1, data: { msg: 'every member is up to date' }, writeConcern: everywhere })
  })
}

/** Makes the owner's user, or gives it the password. The set has a primary. */
export async function ensureOwner(door: SetDoor & { readonly access: Access }): Promise<void> {
  await withSet(door, async (admin) => {
    const user = { pwd: door.access.password, roles: ['root'], writeConcern: { w: 'majority' } }
    await admin.command({ createUser: OWNER, ...user }).catch(async (error: unknown) => {
      if (error instanceof MongoServerError && error.code === USER_EXISTS) return admin.command({ updateUser: OWNER, ...user })
      throw error
    })
  })
}

/** Runs admin commands on the primary. */
async function withSet({ name, ports, access }: SetDoor, use: (admin: Db) => Promise<void>): Promise<void> {
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
  const client = new MongoClient(`mongodb://${hosts}/?replicaSet=${name}`, {
    appName: 'replica-set-dev',
    ...(access && asMember(access)),
  })
  try {
    await use(client.db('admin'))
  } finally {
    await client.close()
  }
}

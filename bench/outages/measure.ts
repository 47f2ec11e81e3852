import { MongoClient } from 'mongodb'

import { memberState } from '../../replica-set-dev/admin.ts'
import type { Member, ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import type { Representation } from '../../test/support/published.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import type { BenchServer, Production } from '../support/bench-server.ts'
import { BenchService, type Noted } from '../support/bench-service.ts'
import { now } from '../support/clock.ts'
import { Program } from '../support/program.ts'
import { oneFileEach, pathOf, writeFiles } from '../support/publishing.ts'
import type { Outage } from './outages.ts'

/** Milliseconds since the outage began; where all members are down, since they were started again. */
export interface Times {
  /** A new primary was there, and a publish that was sent to nobody but it acknowledged by the majority. */
  readonly published: number
  /** The raw driver's next write was acknowledged by the majority. */
  readonly rawWrite: number
  /** The raw driver's stream told of that publish. */
  readonly rawSeen: number
  /** What the service logged of that publish. */
  readonly started: number
  readonly succeeded: number
}

const BYTES = 65_536
/** A driver that finds out late takes half a minute. */
const LONG = { withinMs: 180_000 }

/** The service and the raw driver beside each other, through one outage after the other. */
export class OutageBench implements AsyncDisposable {
  readonly #set: ReplicaSet
  readonly #production: Production
  readonly #service: BenchService
  readonly #raw: Program
  readonly #noted: Noted[] = []
  readonly #stack: AsyncDisposableStack
  #publishes = 0

  private constructor(parts: {
    set: ReplicaSet
    production: Production
    service: BenchService
    raw: Program
    stack: AsyncDisposableStack
  }) {
    this.#set = parts.set
    this.#production = parts.production
    this.#service = parts.service
    this.#raw = parts.raw
    this.#stack = parts.stack
  }

  static async start(server: BenchServer): Promise<OutageBench> {
    await using stack = new AsyncDisposableStack()
    const production = await server.production()
    const raw = stack.use(new Program(new URL('raw-client.ts', import.meta.url)))
    const { db, collection } = production
    await raw.ask('start', { uri: server.uri, database: db.databaseName, collection: collection.collectionName })
    // No regular scan comes in this time: what was published is told by the stream, or found because the stream was opened again.
    const service = stack.use(await BenchService.start(production, { general: { loop_delay: 86_400 } }))
    return new OutageBench({ set: server.set, production, service, raw, stack: stack.move() })
  }

  async measure(outage: Outage): Promise<Times> {
    // Both are at work, and the members have what the primary has.
    const before = await this.#publish()
    await Promise.all([this.#rawSeen(before), this.#noteOf('transfer.succeeded', before)])
    const after = await this.#file()
    const begun = await outage.begin(this.#set)
    const write = this.#raw.ask<number>('write')
    const published = await this.#insert(after)
    const [rawWrite, rawSeen, started, succeeded] = await Promise.all([
      write,
      this.#rawSeen(after),
      this.#noteOf('transfer.started', after),
      this.#noteOf('transfer.succeeded', after),
    ])
    await begun.restore()
    await Promise.all(this.#set.members.map(async (member) => this.#set.waitUntilMember(member)))
    const times = { published, rawWrite, rawSeen, started, succeeded }
    return Object.fromEntries(Object.entries(times).map(([name, at]) => [name, at - begun.since])) as unknown as Times
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  async #file(): Promise<Representation> {
    const [document] = oneFileEach(1, `outage-${this.#publishes++}`)
    if (!document) throw new Error('no document')
    await writeFiles(this.#production, [document], BYTES)
    return document
  }

  async #publish(): Promise<Representation> {
    const document = await this.#file()
    await this.#insert(document)
    return document
  }

  /** As soon as there is a primary, to which alone it goes: no driver has to find out first. Gives when the majority had it. */
  async #insert(document: Representation): Promise<number> {
    const port = await this.#primary()
    const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, { writeConcern: { w: 'majority' } })
    try {
      const { db, collection } = this.#production
      await client.db(db.databaseName).collection<Representation>(collection.collectionName).insertOne(document)
      return now()
    } finally {
      await client.close()
    }
  }

  /** Its port. Each member is asked by itself: one that is frozen takes a second to be given up. */
  async #primary(): Promise<number> {
    let found: number | undefined
    const ask = async ({ port }: Member): Promise<void> => {
      const isFound = async (): Promise<boolean> => {
        if (found === undefined && (await memberState(port)).writable) found = port
        return found !== undefined
      }
      await waitFor('a primary', isFound, LONG)
    }
    await Promise.race(this.#set.members.map(ask))
    if (found === undefined) throw new Error('no primary')
    return found
  }

  async #rawSeen({ _id }: Representation): Promise<number> {
    return await waitFor('the raw stream', async () => this.#raw.ask<number | undefined>('seen', _id.toHexString()), LONG)
  }

  async #noteOf(action: Noted[0], document: Representation): Promise<number> {
    const path = pathOf(document)
    const noted = async (): Promise<number | undefined> => {
      this.#noted.push(...(await this.#service.noted()))
      return this.#noted.find(([what, of]) => what === action && of === path)?.[2]
    }
    return await waitFor(`${action} of ${path}`, noted, LONG)
  }
}

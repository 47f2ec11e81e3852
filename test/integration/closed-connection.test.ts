import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

import type { MongoClient } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'

import { connect } from '../../src/streams/connect.ts'
import { ownDatabase } from '../support/mongo.ts'

interface Watched {
  readonly client: MongoClient
  /** Closes all its sockets. Their events come at the end of this turn, as when the server closed them. */
  readonly close: () => void
}

/** The client for work, connected, and its sockets. */
async function watched(uri: string): Promise<Watched> {
  const sockets: Socket[] = []
  const opened = (message: unknown): number => sockets.push((message as { socket: Socket }).socket)
  subscribe('net.client.socket', opened)
  const connections = connect(uri)
  onTestFinished(async () => {
    unsubscribe('net.client.socket', opened)
    await connections[Symbol.asyncDispose]()
  })
  await connections.work.connect()
  await connections.work.db('admin').command({ ping: 1 })
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return { client: connections.work, close }
}

test('a command that is written to a socket that was just closed is retried', async () => {
  const { uri, db } = await ownDatabase()
  const { client, close } = await watched(uri)
  const things = client.db(db.databaseName).collection<{ _id: number }>('things')
  await things.insertOne({ _id: 1 })
  close()
  const both = [things.insertOne({ _id: 2 }), things.bulkWrite([{ insertOne: { document: { _id: 3 } } }])]
  await Promise.all(both)
  close()
  expect(await things.find().sort({ _id: 1 }).toArray()).toEqual([{ _id: 1 }, { _id: 2 }, { _id: 3 }])
})

test.each([
  ['waits for room in the buffer of its socket', ''],
  ['is being compressed', '&compressors=zlib'],
])('so is one that %s when it is closed', async (_, options) => {
  const { uri, db } = await ownDatabase()
  const { client, close } = await watched(uri + options)
  const things = client.db(db.databaseName).collection<{ _id: number; bytes: Buffer }>('things')
  const isUnderWay = once(client, 'connectionCheckedOut')
  const inserted = things.insertOne({ _id: 1, bytes: randomBytes(12_000_000) })
  await isUnderWay
  await setImmediate()
  close()
  await inserted
  expect(await things.countDocuments()).toBe(1)
})

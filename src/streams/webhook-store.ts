import { createHash } from 'node:crypto'

import { MongoServerError, type Collection, type Db } from 'mongodb'

import { fromNow } from './from-now.ts'

/** A message for one address; it says nothing of the secret that it is signed with. */
interface WebhookMessage {
  readonly url: string
  /** What makes it one event: no two messages with the same are ever kept for an address. */
  readonly key: readonly string[]
  /** As it is sent. */
  readonly body: string
}

export interface DueMessage extends Pick<WebhookMessage, 'url' | 'body'> {
  readonly id: string
  /** Earlier attempts. */
  readonly tries: number
  readonly created: Date
}

export interface WebhookStore {
  prepare(): Promise<void>
  /** Keeps it until it is delivered; false when it is, or was, kept already. */
  add(message: WebhookMessage): Promise<boolean>
  /** The same event may happen again. */
  forget(messages: readonly Pick<WebhookMessage, 'url' | 'key'>[]): Promise<void>
  /** One that is to be sent now, to none of these addresses, and is this instance's to send for so long. */
  take(forMs: number, exceptTo: readonly string[]): Promise<DueMessage | undefined>
  delivered(id: string): Promise<void>
  later(id: string, inMs: number): Promise<void>
  /** Is a site that was well in trouble now, or the other way about? False when that is known already. */
  turned(site: string, isDown: boolean): Promise<boolean>
  sitesDown(): Promise<readonly string[]>
}

interface StoredMessage {
  readonly _id: string
  readonly database: string
  readonly url: string
  readonly body: string
  readonly tries: number
  readonly created: Date
  /** When it is to be sent; undefined: it was. */
  readonly next?: Date
  /** When nobody needs to know of it any longer. */
  readonly expires: Date
}

const DUPLICATE_KEY = 11_000
/** How long it is known that something was told. */
const KEEP_MS = 90 * 24 * 3_600_000

/** What is to be told, in the state database: it survives the instance that noticed it, and is told once by one of them. */
export function webhookStore(state: Db, database: string): WebhookStore {
  const messages: Collection<StoredMessage> = state.collection('webhook_messages')
  const sites: Collection<{ _id: string; database: string; site: string; isDown: boolean }> = state.collection('webhook_sites')
  const idOf = ({ url, key }: Pick<WebhookMessage, 'url' | 'key'>): string =>
    createHash('sha256')
      .update(JSON.stringify([database, url, ...key]))
      .digest('hex')
  return {
    async prepare() {
      await messages.createIndex({ next: 1 }, { name: 'next_1', sparse: true })
      await messages.createIndex({ expires: 1 }, { name: 'expires_1', expireAfterSeconds: 0 })
    },
    async add(message) {
      const now = new Date()
      const { url, body } = message
      const stored = {
        _id: idOf(message),
        database,
        url,
        body,
        tries: 0,
        created: now,
        next: now,
        expires: new Date(now.getTime() + KEEP_MS),
      }
      return await messages.insertOne(stored).then(() => true, isThere)
    },
    async forget(some) {
      await messages.deleteMany({ _id: { $in: some.map(idOf) }, next: { $exists: false } })
    },
    async take(forMs, exceptTo) {
      const due = { database, url: { $nin: exceptTo }, next: { $type: 'date' as const }, $expr: { $lte: ['$next', '$$NOW'] } }
      const taken = await messages.findOneAndUpdate(due, [{ $set: { next: fromNow(forMs), tries: { $add: ['$tries', 1] } } }], {
        sort: { next: 1 },
        returnDocument: 'before',
      })
      return taken ? { id: taken._id, url: taken.url, body: taken.body, tries: taken.tries, created: taken.created } : undefined
    },
    async delivered(id) {
      await messages.updateOne({ _id: id }, { $unset: { next: '', body: '' } })
    },
    async later(id, inMs) {
      await messages.updateOne({ _id: id }, [{ $set: { next: fromNow(Math.round(inMs)) } }])
    },
    async turned(site, isDown) {
      const filter = { _id: JSON.stringify([database, site]), isDown: !isDown }
      if (!isDown) return (await sites.updateOne(filter, { $set: { isDown } })).modifiedCount > 0
      return await sites.updateOne(filter, { $set: { database, site, isDown } }, { upsert: true }).then(() => true, isThere)
    },
    async sitesDown() {
      return (await sites.find({ database, isDown: true }).toArray()).map(({ site }) => site)
    },
  }
}

function isThere(error: unknown): false {
  if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return false
  throw error
}

import { MongoClient } from 'mongodb'

import { endWritesWhenClosed } from './closed-connection.ts'
import { requireServer, whyUnsupported } from './server-version.ts'

endWritesWhenClosed()

/**
 * Two clients a process. The change stream has its own: after the loss of a primary the driver awaits a command to the dead server
 * before it resumes, for as long as server selection may take, and a parked stream must not hold a connection the work needs.
 */
export interface Connections extends AsyncDisposable {
  readonly work: MongoClient
  readonly stream: MongoClient
  /**
   * Resolves when the server can be reached; rejects with an `UnsupportedServerError` when it is not one that serves. A client whose
   * very first use fails does not look for its server again unless told to.
   */
  open(): Promise<void>
}

/** What the address says is not asked where the work depends on it: the settings know better (`config/mongo-options.ts`). */
const COMMON = {
  appName: 'site-sync',
  serverSelectionTimeoutMS: 5_000,
  connectTimeoutMS: 4_000,
  heartbeatFrequencyMS: 2_000,
  retryReads: true,
  retryWrites: true,
  readPreference: 'primary',
  // A change stream takes no other, and what no majority has may be taken back.
  readConcernLevel: 'majority',
  writeConcern: { w: 'majority' },
  minPoolSize: 0,
  // A text that is not UTF-8 is told by whoever needs it; refused here, it would take all documents of its batch with it.
  enableUtf8Validation: false,
  // Those of the database are of another kind than JavaScript's, which throws at what it does not know.
  bsonRegExp: true,
} as const

/** Connects lazily: a server that is unavailable now is waited for, not an error. */
export function connect(uri: string): Connections {
  const work = new MongoClient(uri, { ...COMMON, socketTimeoutMS: 10_000, maxPoolSize: 32 })
  // The socket may be silent for as long as the server waits for a change. Members tell of an election at once, whatever the interval, and
  // a stream that is silent is noticed by its own time limit: to ask each member every two seconds would find out nothing earlier.
  const stream = new MongoClient(uri, { ...COMMON, heartbeatFrequencyMS: 10_000, socketTimeoutMS: 30_000, maxPoolSize: 4 })
  return {
    work,
    stream,
    async open() {
      try {
        await Promise.all([work.connect(), stream.connect()])
      } catch (error) {
        throw whyUnsupported(error) ?? error
      }
      await requireServer(work)
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([work.close(), stream.close()])
    },
  }
}

/** Building an index may take longer than any answer that the work waits for. */
export function connectPatiently(uri: string): MongoClient {
  return new MongoClient(uri, { ...COMMON, socketTimeoutMS: 0, maxPoolSize: 2 })
}

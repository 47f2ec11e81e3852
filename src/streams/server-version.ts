import { MongoCompatibilityError, MongoServerSelectionError, type Document, type MongoClient } from 'mongodb'

import { UnsupportedServerError } from '../errors.ts'
import { isPassing } from './outage.ts'

/** The first version with all operators that results are written by (`$setField`, `$dateAdd`), and what it calls its protocol. */
const NEEDED = { version: '5.0', major: 5, wire: 13 } as const
/** What servers called theirs that do not say their version. */
const VERSION_OF_WIRE: Readonly<Record<number, string>> = { 6: '3.6', 7: '4.0', 8: '4.2', 9: '4.4' }

/** Rejects with an `UnsupportedServerError` when the server is too old. */
export async function requireServer(client: MongoClient): Promise<void> {
  const admin = client.db('admin')
  const hello = await admin.command({ hello: 1 })
  const info = await admin.command({ buildInfo: 1 }).catch(unknownVersion)
  const wire = Number(hello['maxWireVersion'])
  const version: unknown = info['version']
  const major = typeof version === 'string' ? Number.parseInt(version, 10) : Number.NaN
  if (!(wire < NEEDED.wire) && !(major < NEEDED.major)) return
  throw tooOld(typeof version === 'string' ? version : VERSION_OF_WIRE[wire])
}

/** The driver itself does not talk to servers that are older still; it says so while it looks for one. */
export function whyUnsupported(error: unknown): UnsupportedServerError | undefined {
  const faults: readonly unknown[] =
    error instanceof MongoServerSelectionError
      ? [error.cause, ...(error.reason?.servers.values() ?? []).map(({ error: fault }) => fault)]
      : [error]
  const fault = faults.find((each) => each instanceof MongoCompatibilityError)
  const wire = fault && /maximum wire version (\d+)/.exec(fault.message)?.[1]
  return wire === undefined ? undefined : tooOld(VERSION_OF_WIRE[Number(wire)])
}

function tooOld(version: string | undefined): UnsupportedServerError {
  const is = version === undefined ? 'an older one' : version
  return new UnsupportedServerError(`the MongoDB server is ${is}: version ${NEEDED.version} or newer is needed`)
}

/** A server that does not tell its version has said by its protocol what it can do. */
function unknownVersion(error: unknown): Document {
  if (isPassing(error)) throw error
  return {}
}

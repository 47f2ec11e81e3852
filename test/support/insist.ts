import { MongoBulkWriteError, MongoError, type Collection } from 'mongodb'

import type { Representation } from './published.ts'
import { waitFor } from './wait-for.ts'

const DUPLICATE_KEY = 11_000

/** What was asked for before, without an answer, has been done. */
function isThere(error: unknown): boolean {
  if (!(error instanceof MongoBulkWriteError)) return false
  const errors = [error.writeErrors].flat()
  return errors.length > 0 && errors.every(({ code }) => code === DUPLICATE_KEY)
}

/** Publishes as somebody does who does not give up: a server that dies or freezes does not say whether it took something, so another is asked. */
export async function insertUntilTaken(project: Collection<Representation>, documents: readonly Representation[]): Promise<void> {
  if (documents.length === 0) return
  const refusals: unknown[] = []
  const attempt = async (): Promise<boolean> =>
    await project.insertMany([...documents], { ordered: false }).then(
      () => true,
      (error: unknown) => {
        if (isThere(error) && refusals.length > 0) return true
        if (isThere(error) || !(error instanceof MongoError)) throw error
        refusals.push(error)
        return false
      },
    )
  await waitFor('somebody who takes it', attempt, { withinMs: 60_000, seen: () => refusals })
}

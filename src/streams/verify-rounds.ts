import type { Collection, Db } from 'mongodb'

/** A walk through all files of a site, as far as it got. `Counts`: what was found until then. */
export interface VerifyRound<Counts> {
  readonly started: Date
  readonly counts: Counts
  /** The representation that was looked at last. */
  readonly position?: { readonly project: string; readonly after: unknown }
  /** The site is in trouble since then. */
  readonly waitingSince?: Date
  readonly finished?: Date
}

/** Where scheduled verifies are, in the state database: they go on after a restart, or at another instance. */
export interface VerifyRounds<Counts> {
  read(site: string): Promise<VerifyRound<Counts> | undefined>
  write(site: string, round: VerifyRound<Counts>): Promise<void>
}

interface StoredRound extends VerifyRound<object> {
  readonly _id: string
  readonly database: string
  readonly site: string
}

export function verifyRounds<Counts extends object>(state: Db, database: string): VerifyRounds<Counts> {
  const rounds: Collection<StoredRound> = state.collection('verify_rounds')
  const idOf = (site: string): string => JSON.stringify([database, site])
  return {
    async read(site) {
      return ((await rounds.findOne({ _id: idOf(site) })) as VerifyRound<Counts> | null) ?? undefined
    },
    async write(site, round) {
      await rounds.replaceOne({ _id: idOf(site) }, { ...round, database, site }, { upsert: true })
    },
  }
}

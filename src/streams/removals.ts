import type { Collection, Db } from 'mongodb'

import { idText, type Plain } from '../model/document.ts'

/** A file whose record was taken out so that it can be deleted, until it is. */
export interface Removal {
  readonly project: string
  readonly representationId: unknown
  readonly fileId: unknown
  readonly site: string
  /** The file entry's `path`. */
  readonly path: string
  /** The records of the site, as they were. */
  readonly records: readonly Plain[]
}

interface StoredRemoval {
  readonly _id: string
  readonly database: string
  readonly project: string
  readonly representation: unknown
  readonly file: unknown
  readonly site: string
  readonly path: string
  readonly records: readonly Plain[]
  readonly at: Date
  readonly who: string
}

/** Which deletions of files were begun, for whoever goes on after a crash. */
export interface RemovalStore {
  /** Resolves when the majority has it. */
  begin(removals: readonly Removal[]): Promise<void>
  end(removals: readonly Removal[]): Promise<void>
  /** What nobody has ended. */
  left(project: string, site: string): Promise<readonly Removal[]>
}

export function removalStore(state: Db, database: string, who: string): RemovalStore {
  const removals: Collection<StoredRemoval> = state.collection('removals')
  const keyOf = ({ project, representationId, fileId, site }: Removal): string =>
    [database, project, idText(representationId), idText(fileId), site].join('\0')
  return {
    async begin(begun) {
      if (begun.length === 0) return
      const replacements = begun.map((removal) => {
        const { representationId: representation, fileId: file, ...rest } = removal
        const replacement = { database, representation, file, ...rest, at: new Date(), who }
        return { replaceOne: { filter: { _id: keyOf(removal) }, replacement, upsert: true } }
      })
      await removals.bulkWrite(replacements, { ordered: false, writeConcern: { w: 'majority' } })
    },
    async end(ended) {
      if (ended.length > 0) await removals.deleteMany({ _id: { $in: ended.map(keyOf) } })
    },
    async left(project, site) {
      const found = await removals.find({ database, project, site }).toArray()
      return found.map(({ representation, file, path, records }) => ({
        project,
        representationId: representation,
        fileId: file,
        site,
        path,
        records,
      }))
    },
  }
}

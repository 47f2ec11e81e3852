import type { Db, MongoClient } from 'mongodb'

/** Actions that are needed on every collection of a database. */
export interface NeededRights {
  readonly db: string
  readonly actions: readonly string[]
}

/** Of the projects' database, and of our own: the role in docs/mongodb.md. */
export const PROJECT_ACTIONS = ['find', 'update', 'changeStream', 'listCollections', 'listIndexes', 'createIndex'] as const
export const STATE_ACTIONS = ['find', 'insert', 'update', 'remove', 'createIndex', 'listCollections', 'listIndexes'] as const
/** Needed only to create indexes. */
export const INDEX_ACTIONS: ReadonlySet<string> = new Set(['listIndexes', 'createIndex'])

interface Privilege {
  readonly resource: { readonly db?: string; readonly collection?: string; readonly anyResource?: boolean }
  readonly actions: readonly string[]
}

export interface GrantedRights {
  /** Undefined: nobody has to say who he is. */
  readonly user: string | undefined
  readonly privileges: readonly Privilege[]
}

/** What the server says that this client may do; asking needs no right. */
export async function grantedRights(client: MongoClient): Promise<GrantedRights> {
  const { authInfo } = await client.db('admin').command({ connectionStatus: 1, showPrivileges: true })
  const info = authInfo as { authenticatedUsers?: { user: string; db: string }[]; authenticatedUserPrivileges?: Privilege[] }
  const [user] = info.authenticatedUsers ?? []
  return { user: user && `${user.user}@${user.db}`, privileges: info.authenticatedUserPrivileges ?? [] }
}

/** Which of the actions are missing on the database as a whole. */
export function missingActions({ privileges }: GrantedRights, { db, actions }: NeededRights): readonly string[] {
  const granted = new Set(privileges.filter(({ resource }) => covers(resource, db)).flatMap((privilege) => privilege.actions))
  return granted.has('anyAction') ? [] : actions.filter((action) => !granted.has(action))
}

/** An empty name stands for all; a privilege for a single collection does not hold for the ones that will come. */
function covers(resource: Privilege['resource'], db: string): boolean {
  if (resource.anyResource === true) return true
  return resource.collection === '' && (resource.db === '' || resource.db === db)
}

/** Is a user without privileges one of a server that asks nobody who he is? */
export async function isOpenServer(db: Db): Promise<boolean> {
  return await db
    .listCollections({}, { nameOnly: true })
    .toArray()
    .then(
      () => true,
      () => false,
    )
}

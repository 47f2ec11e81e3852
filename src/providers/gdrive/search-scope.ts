import { SyncError } from '../../errors.ts'
import { hasStatus } from './faults.ts'

/** Where a search looks: parameters of `files.list`. */
export interface SearchScope {
  readonly corpora?: 'user' | 'drive'
  readonly driveId?: string
}

/** What was shared with the account by itself. */
export const SHARED: SearchScope = { corpora: 'user' }
/** Google finds the scope by the folder that the search names. `user` would leave out what others have put there. */
const BY_FOLDER: SearchScope = {}

/**
 * How the children of folders are asked for. A shared drive answers its members best as a whole; who is a member of single folders only
 * hears of it that there is no such drive.
 */
export class SearchScopes {
  /** Drives that the account is no member of. */
  readonly #closed = new Set<string>()

  /** The first page of a search, and the scope that served it: the pages after it must be asked for in the same. */
  async first<T>(driveId: string | undefined, ask: (scope: SearchScope) => Promise<T>): Promise<{ answer: T; scope: SearchScope }> {
    if (driveId === undefined || this.#closed.has(driveId)) return { answer: await ask(BY_FOLDER), scope: BY_FOLDER }
    const scope = { corpora: 'drive', driveId } as const
    try {
      return { answer: await ask(scope), scope }
    } catch (error) {
      if (!isRefusal(error)) throw error
      const answer = await withFirst(error, ask(BY_FOLDER))
      // It was the drive that refused, and not that the folder is gone.
      this.#closed.add(driveId)
      return { answer, scope: BY_FOLDER }
    }
  }
}

function isRefusal(error: unknown): error is SyncError {
  return hasStatus(error, 404) || (hasStatus(error, 403) && error.code === 'PERMISSION')
}

/** Where the second way is refused as well, the first refusal says more. */
async function withFirst<T>(first: SyncError, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw isRefusal(error) ? first : error
  }
}

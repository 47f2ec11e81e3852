import { MongoServerError } from 'mongodb'

/**
 * What a broken change stream means:
 * - `history-lost`: no token leads back there; start afresh and scan everything.
 * - `unavailable`: this server, or this user, has no change streams.
 * - `interrupted`: open it again where it was.
 */
export type StreamFault = 'history-lost' | 'unavailable' | 'interrupted'

/**
 * Server error codes after which the position is gone. 136 CappedPositionLost (a slow reader overtaken by the oplog), 260
 * InvalidResumeToken, 280 ChangeStreamFatalError, 286 ChangeStreamHistoryLost, 9 FailedToParse (a token that is none), 10334
 * BSONObjectTooLarge (the same event would fail again), and what servers answer to tokens of another cluster or version.
 */
const HISTORY_LOST = new Set<unknown>([9, 136, 260, 280, 286, 10334, 40576, 40585, 40615, 40647, 40649, 50811])
/** 13 Unauthorized, 40573 a standalone server, 40324 unknown stage, 8000 a hosted service's refusal. */
const UNAVAILABLE = new Set<unknown>([13, 40573, 40324, 8000])

export function streamFault(error: unknown): StreamFault {
  if (!(error instanceof MongoServerError)) return 'interrupted'
  if (HISTORY_LOST.has(error.code)) return 'history-lost'
  return UNAVAILABLE.has(error.code) ? 'unavailable' : 'interrupted'
}

import { pauseText, type Pauses } from '../model/pauses.ts'
import type { Attempt } from './attempt.ts'

/** Ends the attempts that are paused now: they are given back with what they have sent. One whose bytes are verified only has its result written. */
export function endPaused(attempts: Iterable<Attempt>, pauses: Pauses): void {
  for (const attempt of attempts) {
    const pause = attempt.stage === 'verified' || attempt.signal.aborted ? undefined : pauses.stopping(attempt.transfer)
    if (pause) attempt.end({ kind: 'released', reason: pauseText(pause) })
  }
}

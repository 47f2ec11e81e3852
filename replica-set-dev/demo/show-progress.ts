import type { Attempt } from '../../src/pipeline/attempt.ts'
import { progressLine } from './progress-line.ts'
import type { Screen } from './screen.ts'
import { fileName } from './transfer-line.ts'

/** Elsewhere than on a terminal, a transfer that takes this long says every so often how far it is. */
const SLOW_MS = 1_000

/** Shows what is under way until `release` is called: bars on a terminal, else a line a second of each slow transfer. */
export function showProgress(screen: Screen, attempts: () => Iterable<Attempt>, now: () => number = () => performance.now()): () => void {
  const lines = (leastMs: number): readonly string[] =>
    [...attempts()]
      .filter(({ startedAt }) => now() - startedAt >= leastMs)
      .map(({ transfer, progress, startedAt }) =>
        progressLine({ path: fileName(transfer.path), site: transfer.site, ...progress, elapsedMs: now() - startedAt }),
      )
  if (screen.isTerminal) return screen.keepBelow(() => lines(0))
  const timer = setInterval(() => {
    for (const line of lines(SLOW_MS)) screen.print(`  ${line}`)
  }, SLOW_MS)
  return () => clearInterval(timer)
}

import { quantile } from './statistics.ts'

export interface Pauses {
  /** Of the time, how much went to laps that took several times as long as usual. */
  readonly share: number
  /** Of those that follow on one another, the longest. Milliseconds. */
  readonly longestMs: number
}

/** So many times as long as usual is a pause. */
const SLOW = 2.5
const LAP_MS = 1
const SECONDS = 6

/** Of laps that follow on one another: what each took of a piece of work that always takes as long, were it not for others. Milliseconds. */
export function pausesOf(laps: readonly number[]): Pauses {
  const usual = quantile(laps, 0.5)
  let [all, slow, stretch, longestMs] = [0, 0, 0, 0]
  for (const took of laps) {
    const isSlow = took > SLOW * usual
    all += took
    slow += isSlow ? took : 0
    stretch = isSlow ? stretch + took : 0
    longestMs = Math.max(longestMs, stretch)
  }
  return { share: slow / all, longestMs }
}

let known: string | undefined

/**
 * For how much of its time this machine stands still or is slow, with one processor at work and nothing else to do: a virtual machine shares its
 * processors with others, and its own accounts need not say so. What is under way then waits, and is the slowest hundredth of what is measured.
 * Looked at once, before the first row that asks.
 */
export function pausesNote(quick: boolean): string {
  if (known !== undefined) return known
  const { share, longestMs } = pausesOf(runLaps(quick ? 1 : SECONDS))
  const percent = (100 * share).toFixed(1)
  const speed = Math.round(100 / SLOW)
  return (known = `Before the run, with nothing else to do, this machine worked at less than ${speed} % of its speed for ${percent} % of the time, for up to ${Math.round(longestMs)} ms on end. Whatever is under way then is late.`)
}

function runLaps(seconds: number): readonly number[] {
  const steps = stepsIn(LAP_MS)
  const laps: number[] = []
  const end = performance.now() + seconds * 1_000
  for (let at = performance.now(); at < end;) {
    work(steps)
    const now = performance.now()
    laps.push(now - at)
    at = now
  }
  return laps
}

/** Tries more and more, until so many take so long; by then V8 has compiled it. */
function stepsIn(ms: number): number {
  for (let steps = 1_000; ; steps *= 2) {
    const began = performance.now()
    for (let n = 0; n < 20; n++) work(steps)
    if (performance.now() - began >= 20 * ms) return steps
  }
}

let state = 1

function work(steps: number): void {
  for (let n = 0; n < steps; n++) state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
}

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { spread } from './statistics.ts'

const EVERY_MS = 50

/** What a process has in memory now (RSS), in MiB. */
export function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024
}

/** The most it has in memory while that work is done, in MiB. */
export async function peakMemoryOf(pid: number, work: () => Promise<void>): Promise<number> {
  let peak = memoryOf(pid)
  const timer = setInterval(() => (peak = Math.max(peak, memoryOf(pid))), EVERY_MS)
  try {
    await work()
    return Math.max(peak, memoryOf(pid))
  } finally {
    clearInterval(timer)
  }
}

/** What it has in memory most of that time, in MiB. */
export async function usualMemoryOf(pid: number, forMs: number): Promise<number> {
  const seen: number[] = []
  for (let spent = 0; spent < forMs; spent += EVERY_MS) {
    await delay(EVERY_MS)
    seen.push(memoryOf(pid))
  }
  return spread(seen).median
}

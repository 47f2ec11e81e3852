import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

let ticks: number | undefined

/** Fields of `/proc/PID/stat` from the third on: the second, a name in brackets, may hold anything. */
function statOf(pid: number | 'self'): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function seconds(...counts: readonly (string | undefined)[]): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return counts.reduce((sum, count) => sum + Number(count), 0) / ticks
}

/** Time of the processor that a running process has used, all its threads, in user and system mode. */
export function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid)
  return seconds(fields[11], fields[12])
}

/** The same of all children of this process that have ended. */
export function cpuSecondsOfEndedChildren(): number {
  const fields = statOf('self')
  return seconds(fields[13], fields[14])
}

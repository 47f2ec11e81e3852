import { readFileSync } from 'node:fs'

const MAIN = new URL('../../src/main.ts', import.meta.url)

let profiling: readonly string[] = []

/** Each service from now on leaves a profile of its processor's time in this folder, for the developer tools of a browser. */
export function profileServices(folder: string): void {
  profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}

/** The options of Node with which users start the program, as its first line has them, and those that measure. */
export function nodeOptions(): readonly string[] {
  const [first = ''] = readFileSync(MAIN, 'utf8').split('\n')
  const options = first.split(' ').filter((word) => word.startsWith('--'))
  return [...options, ...profiling]
}

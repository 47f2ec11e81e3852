import { readFileSync } from 'node:fs'

import type { ByteSource } from '../provider.ts'

/** Of this process. Node's own way to ask sets it to 0 for a moment, in which another thread may create a file. */
const UMASK = umaskOfSystem() ?? process.umask()

function umaskOfSystem(): number | undefined {
  try {
    const [, octal] = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return octal === undefined ? undefined : Number.parseInt(octal, 8)
  } catch {
    return undefined
  }
}

/** What `cp` gives a copy: the source's permissions, without those that the umask takes away; those of a new file where it has none. */
export function modeOfCopy({ mode = 0o666 }: Pick<ByteSource, 'mode'>): number {
  return mode & 0o777 & ~UMASK
}

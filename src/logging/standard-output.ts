import { constants, fstatSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

import { DescriptorDestination, StreamDestination, type Destination } from './destination.ts'

const FD = 1

/**
 * Standard output, such that nobody waits for whoever reads it. Node writes to terminals and files in one go, which stops the whole
 * process while the terminal is (Ctrl-S), and gives up on a file for good when its disk is full once. So pipes and terminals are opened
 * once more for this process alone: others that share them are not affected by how it writes, nor is it by them.
 */
export function standardOutput(): Destination {
  const isTerminal = isatty(FD)
  const kind = fstatSync(FD)
  if (kind.isFile()) return new DescriptorDestination(FD)
  if (!kind.isSocket()) {
    try {
      const fd = openSync(`/proc/self/fd/${FD}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
      return new DescriptorDestination(fd, { isTerminal })
    } catch {
      // Another system, or a terminal of another user's.
    }
  }
  return new StreamDestination(process.stdout)
}

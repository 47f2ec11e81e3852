/**
 * Ends the process now, with its `exitCode`. `process.exit()` waits for the threads that read and write files, and one whose share does not answer never
 * comes back: only a signal could end the process then. A program that takes the place of this one has its threads ended by the system, and
 * nothing of this one is run any more. Where there is none, as on Windows, nobody waits for threads.
 */
export function leaveProcess(): never {
  const code = Number(process.exitCode ?? 0)
  process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${code})`], {})
  process.exit()
}

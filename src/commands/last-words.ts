import { leaveProcess } from '../leave-process.ts'
import { complain } from './output.ts'

/**
 * What Node would write to standard error by itself, errors that nobody caught and warnings, goes through where secrets are taken out. An error
 * that nobody caught ends the process, as it does without this.
 */
export function watchLastWords(): void {
  process.on('uncaughtException', (error: unknown) => {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exitCode = 1
    leaveProcess()
  })
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => complain(`${name}: ${message}`))
}

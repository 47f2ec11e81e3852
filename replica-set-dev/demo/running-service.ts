import { Writable } from 'node:stream'

import { createLogger } from '../../src/logging.ts'
import type { Settings } from '../../src/model/settings.ts'
import type { Attempt } from '../../src/pipeline/attempt.ts'
import { SyncService } from '../../src/service/service.ts'
import { Journal } from './journal.ts'
import type { Screen } from './screen.ts'
import { showProgress } from './show-progress.ts'
import { transferLine } from './transfer-line.ts'

export interface RunningService {
  readonly journal: Journal
  readonly attempts: readonly Attempt[]
  /** Aborted with the reason when the demo is to end, or when the service ended by itself. */
  readonly signal: AbortSignal
}

export interface RunningServiceOptions {
  readonly settings: Settings
  readonly screen: Screen
  readonly verbose: boolean
  /** Stops the service when it is disposed of. */
  readonly stack: AsyncDisposableStack
  readonly signal: AbortSignal
}

/** Starts the service in this process; what it does is shown on the screen. */
export function runningService({ settings, screen, verbose, stack, signal }: RunningServiceOptions): RunningService {
  const lines = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      screen.print(String(chunk).trimEnd())
      done()
    },
  })
  const env = screen.useColors ? { FORCE_COLOR: '1' } : {}
  const logger = createLogger({ level: verbose ? 'info' : 'warn', format: 'terminal', stream: lines, env })
  const line = { retryCount: settings.retryCount, colors: screen.useColors }
  const journal = new Journal({ verbose, service: logger, ended: (action, fields) => screen.print(transferLine(action, fields, line)) })
  const service = new SyncService({ settings, log: journal, mode: 'run' })
  const ended = new AbortController()
  const running = service.run().then(
    () => ended.abort(new Error('the service ended by itself')),
    (error: unknown) => ended.abort(error),
  )
  const hide = showProgress(screen, () => service.attempts)
  stack.defer(async () => {
    service.stop()
    await running
    hide()
    await logger.close()
  })
  return {
    journal,
    get attempts() {
      return service.attempts
    },
    signal: AbortSignal.any([signal, ended.signal]),
  }
}

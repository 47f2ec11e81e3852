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
  /** Ends it in good order; it may be called again. */
  readonly stop: () => Promise<void>
}

export interface RunningServiceOptions {
  readonly settings: Settings
  readonly screen: Screen
  readonly verbose: boolean
  /** Of several machines: whose it is. Their progress is shown by whoever started them. */
  readonly machine?: string
  /** Stops the service when it is disposed of. */
  readonly stack: AsyncDisposableStack
  readonly signal: AbortSignal
}

const MACHINE_WIDTH = 7

/** Starts the service in this process; what it does is shown on the screen. */
export function runningService({ settings, screen, verbose, machine, stack, signal }: RunningServiceOptions): RunningService {
  const who = machine === undefined ? '' : `  ${machine.padEnd(MACHINE_WIDTH)}`
  const lines = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      // A write that is split leaves nothing of some lines.
      const text = String(chunk).trimEnd()
      if (text !== '') screen.print(`${who}${text}`)
      done()
    },
  })
  const env = screen.useColors ? { FORCE_COLOR: '1' } : {}
  const logger = createLogger({ level: verbose ? 'info' : 'warn', format: 'terminal', stream: lines, env })
  const line = { retryCount: settings.retryCount, colors: screen.useColors }
  const journal = new Journal({
    verbose,
    service: logger,
    ended: (action, fields) => screen.print(`${who}${transferLine(action, fields, line)}`),
  })
  const service = new SyncService({ settings, log: journal, mode: 'run' })
  const ended = new AbortController()
  let stopping: Promise<void> | undefined
  const running = service.run().then(
    () => (stopping ? undefined : ended.abort(new Error('the service ended by itself'))),
    (error: unknown) => ended.abort(error),
  )
  const hide = machine === undefined ? showProgress(screen, () => service.attempts) : () => {}
  const end = async (): Promise<void> => {
    service.stop()
    await running
    hide()
    await logger.close()
  }
  const stop = async (): Promise<void> => await (stopping ??= end())
  stack.defer(stop)
  return {
    journal,
    get attempts() {
      return service.attempts
    },
    signal: AbortSignal.any([signal, ended.signal]),
    stop,
  }
}

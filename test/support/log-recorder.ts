import { Writable } from 'node:stream'

import { createLogger, type Logger } from '../../src/logging.ts'
import type { LogAction } from '../../src/model/log.ts'
import { logLineSchema, type LogLineJson } from './log-schema.ts'
import { waitFor, type WaitOptions } from './wait-for.ts'

const ENDS: ReadonlySet<LogAction> = new Set(['transfer.succeeded', 'transfer.failed', 'transfer.dropped', 'transfer.released'])

/** The lines of one run, each checked against the schema as it comes, and questions to them. */
export class LogLines {
  readonly lines: LogLineJson[] = []
  /** Everything that was written, to the letter. */
  text = ''
  #rest = ''

  add(text: string): void {
    this.text += text
    const parts = (this.#rest + text).split('\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) this.lines.push(logLineSchema.parse(JSON.parse(part)))
  }

  of(...actions: readonly LogAction[]): LogLineJson[] {
    return this.lines.filter(({ event }) => actions.includes(event.action))
  }

  count(...actions: readonly LogAction[]): number {
    return this.of(...actions).length
  }

  /** Resolves with the line that makes it `times`, counted from the start of the run. */
  async until(action: LogAction, times = 1, options: WaitOptions = {}): Promise<LogLineJson> {
    return await waitFor(`${times} × ${action}`, () => this.of(action)[times - 1], { seen: () => this.summary(), ...options })
  }

  /** Two scans ended: the latter began after this was called, and saw everything that was there by then. */
  async scanned(times = 1): Promise<void> {
    await this.until('scan.finished', this.count('scan.finished') + times + 1)
  }

  summary(): string[] {
    return this.lines.map(({ event, message, error, site_sync: { path, site } = {} }) =>
      [event.action, path, site, message, error?.message].filter(Boolean).join(' '),
    )
  }

  /** Attempts that were not ended by exactly one line; none is as it must be. */
  unpaired(): string[] {
    const counts = new Map<string, { started: number; ended: number }>()
    for (const { event, site_sync: fields } of this.lines) {
      const isStart = event.action === 'transfer.started'
      if (!isStart && !ENDS.has(event.action)) continue
      const id = fields?.attempt_id ?? `${event.action} without attempt_id`
      const count = counts.get(id) ?? { started: 0, ended: 0 }
      if (isStart) count.started++
      else count.ended++
      counts.set(id, count)
    }
    return [...counts].filter(([, { started, ended }]) => started !== 1 || ended !== 1).map(([id]) => id)
  }
}

export interface RecordingLog extends Logger {
  readonly lines: LogLines
}

/** The real logger, at its most talkative, into memory. */
export function recordingLog(): RecordingLog {
  const lines = new LogLines()
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      lines.add(chunk.toString())
      done()
    },
  })
  return { ...createLogger({ level: 'debug', format: 'json', stream }), lines }
}

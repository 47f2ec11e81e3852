import { Writable } from 'node:stream'

import { ecsFields } from '@elastic/ecs-winston-format'
import winston from 'winston'

import { StreamDestination } from './logging/destination.ts'
import { logLine, type LogLine } from './logging/log-line.ts'
import { Output } from './logging/output.ts'
import { escapeJson } from './logging/printable.ts'
import { standardOutput } from './logging/standard-output.ts'
import { terminalLine } from './logging/terminal-line.ts'
import { LOG_ACTIONS, type Log, type LogAction, type LogFields, type LogLevel } from './model/log.ts'

export { redact } from './logging/redact.ts'

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>
/** Where winston keeps the finished text of a line. */
const MESSAGE = Symbol.for('message')
/** How long the last lines may take. Milliseconds. */
const CLOSING_MS = 1_000

export interface LoggerOptions {
  /** The least important level that is written. @defaultValue `info` */
  readonly level?: LogLevel | undefined
  /** `auto`: short lines when the stream is a terminal, JSON otherwise. @defaultValue `auto` */
  readonly format?: 'json' | 'terminal' | 'auto' | undefined
  /** Stays open when the logger closes. @defaultValue standard output */
  readonly stream?: Writable | undefined
  readonly clock?: (() => Date) | undefined
  /** For `NO_COLOR` and `FORCE_COLOR`. @defaultValue the process's own */
  readonly env?: NodeJS.ProcessEnv | undefined
}

export interface Logger extends Log {
  /** Resolves when everything is written, nobody reads any more, or a second has passed; later events are ignored. */
  close(): Promise<void>
}

/** One line an event, free of secrets: JSON in the Elastic Common Schema, or a short line for a person at a terminal. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', format = 'auto', stream, clock = () => new Date(), env = process.env } = options
  const destination = stream ? new StreamDestination(stream) : standardOutput()
  const { isTerminal } = destination
  const output = new Output(destination, (lines) => {
    const message = `${lines} ${lines === 1 ? 'line is' : 'lines are'} missing here: nobody took them`
    // The gap is told of, however little is wanted to be told.
    write('log.dropped', { message, extra: { lines }, ...(level === 'error' && { level }) })
  })
  const logger = winston.createLogger({
    level,
    levels: LEVELS,
    format: format === 'terminal' || (format === 'auto' && isTerminal) ? terminal(clock, useColors(env, isTerminal)) : json(clock),
    transports: [new winston.transports.Stream({ stream: writableTo(output), eol: '\n' })],
  })
  const write = (action: LogAction, fields: LogFields): void => void logger.log(safeLine(action, fields, level === 'debug'))
  let closed = false
  return {
    event(action, fields = {}) {
      const isWritten = LEVELS[fields.level ?? LOG_ACTIONS[action].level] <= LEVELS[level]
      if (isWritten && !closed && !output.isGone) write(action, fields)
    },
    async close() {
      if (closed) return
      closed = true
      const deadline = performance.now() + CLOSING_MS
      // First what was dropped: that can only be told of while the logger is open.
      await output.flush(CLOSING_MS)
      await new Promise<void>((resolve) => {
        logger.once('finish', () => resolve())
        logger.end()
      })
      await output.flush(Math.max(0, deadline - performance.now()))
    },
  }
}

/** Never makes the logger wait: what waits, waits in the output, where it is bounded. */
function writableTo(output: Output): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      output.write(line)
      done()
    },
  })
}

/** A value that can't even be looked at must not end what was about to be told. */
function safeLine(action: LogAction, fields: LogFields, withStack: boolean): LogLine {
  try {
    return logLine(action, fields, withStack)
  } catch {
    return logLine(action, { message: 'this event has fields that can not be read' }, false)
  }
}

function json(clock: () => Date): winston.Logform.Format {
  const text = winston.format((info) => {
    const { level: _level, message, event, error, site_sync, ...head } = info
    const line = { ...head, '@timestamp': clock().toISOString(), message, event, error, site_sync }
    info[MESSAGE] = escapeJson(JSON.stringify(line))
    return info
  })
  return winston.format.combine(ecsFields({ apmIntegration: false, convertErr: false }), text())
}

function terminal(clock: () => Date, colors: boolean): winston.Logform.Format {
  return winston.format((info) => ({ ...info, [MESSAGE]: terminalLine(info as unknown as LogLine, clock(), colors) }))()
}

function useColors(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false
  return isTerminal || Boolean(env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0')
}

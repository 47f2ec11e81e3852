import { styleText } from 'node:util'

import { printable } from '../../src/logging/printable.ts'
import { redact } from '../../src/logging/redact.ts'
import type { LogAction, LogFields } from '../../src/model/log.ts'
import { bytesText, durationText } from './progress-line.ts'

export interface LineOptions {
  readonly retryCount: number
  readonly colors: boolean
}

/** `  synced   nas     sh010_renderMain_v003.1001.exr  93.8 kB in 12 ms`: how a transfer ended. */
export function transferLine(action: LogAction, fields: LogFields, { retryCount, colors }: LineOptions): string {
  const paint = (style: 'green' | 'red' | 'yellow', what: string): string =>
    colors ? styleText(style, what, { validateStream: false }) : what
  const { site = '', path = '', bytes = 0, tries = 0, durationMs = 0, message = '' } = fields
  const start = `${printable(site).padEnd(8)} ${printable(fileName(path))}`
  const why = fields.error instanceof Error ? fields.error.message : message
  const said = printable(redact(why))
  switch (action) {
    case 'transfer.succeeded': {
      const isSent = fields.extra?.['sent_bytes'] !== 0 || bytes === 0
      return `  ${paint('green', 'synced  ')} ${start}  ${isSent ? `${bytesText(bytes)} in ${durationText(durationMs)}` : 'was there already'}`
    }
    case 'transfer.failed':
      return `  ${paint('red', 'failed  ')} ${start}  ${fields.level === 'warn' ? 'trouble of the site' : `try ${tries} of ${retryCount}`}: ${said}`
    case 'transfer.exhausted':
      return `  ${paint('red', 'gave up ')} ${start}  after ${tries} tries; deleting "tries" in its record would start it again`
    default:
      return `  ${paint('yellow', action.replace('transfer.', '').padEnd(8))} ${start}  ${said}`
  }
}

/** The last part of a document's path. */
export function fileName(path: string): string {
  return path.split('/').at(-1) ?? path
}

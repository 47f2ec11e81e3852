import { styleText } from 'node:util'

import type { LogLevel } from '../model/log.ts'
import type { LogLine } from './log-line.ts'
import { printable } from './printable.ts'
import { bytesText } from '../model/bytes-text.ts'

type Style = Parameters<typeof styleText>[0]

const LEVEL_STYLE = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' } as const satisfies Record<LogLevel, Style>

/** `12:34:56 info  transfer.succeeded  PRJ  {root}/a.ma → gdrive  4.7 KiB  1.2 s`: one short line for a person. */
export function terminalLine(line: LogLine, now: Date, colors: boolean): string {
  const paint = (style: Style, what: string) => (colors ? styleText(style, what, { validateStream: false }) : what)
  const { project, path, site, bytes } = line.site_sync ?? {}
  const duration = line.event.duration
  const parts = [
    `${paint('gray', clockTime(now))} ${paint(LEVEL_STYLE[line.level], line.level.padEnd(5))} ${paint('bold', line.event.action)}`,
    text(project),
    [text(path), text(site) && `→ ${text(site)}`].filter(Boolean).join(' '),
    typeof bytes === 'number' ? bytesText(bytes) : '',
    duration === undefined ? '' : formatDuration(duration / 1e6),
    line.event.action.startsWith('transfer.') && line.error ? '' : printable(line.message),
    line.error ? paint('red', printable(line.error.message)) : '',
  ]
  const stack = line.error?.stack_trace
    ? `\n${line.error.stack_trace
        .split('\n')
        .map((row) => `    ${printable(row)}`)
        .join('\n')}`
    : ''
  return parts.filter((part) => part !== '').join('  ') + stack
}

function text(value: unknown): string {
  return typeof value === 'string' ? printable(value) : ''
}

function clockTime(now: Date): string {
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

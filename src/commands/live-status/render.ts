import { printable } from '../../logging/printable.ts'
import { redact } from '../../logging/redact.ts'
import { bytesText } from '../../model/bytes-text.ts'
import { pauseText } from '../../model/pauses.ts'
import { pageLink, pageText } from '../../service/page-link.ts'
import type { SiteCounts, SiteOverview } from '../../service/overview.ts'
import type { ReportedTransfer } from '../../streams/state-database.ts'
import type { NewestError, StatusView } from './look.ts'

export type Style = 'bold' | 'soft' | 'good' | 'warn' | 'bad' | 'accent'

/** A piece of a line, as text alone: how a style looks is the terminal's matter. */
interface Span {
  readonly text: string
  readonly style?: Style
}

export type Line = readonly Span[]

export interface Size {
  readonly columns: number
  readonly rows: number
}

const SHAPES = {
  ok: ['●', 'good'],
  cooling: ['▲', 'warn'],
  trying: ['▲', 'warn'],
  paused: ['■', 'accent'],
  closed: ['■', 'accent'],
} as const
const WORST = ['✕', 'bad'] as const
const IDLE = ['–', 'soft'] as const
const graphemes = new Intl.Segmenter()
/** Columns of a bar; of half as many on a narrow terminal. */
const BAR = 20
const NARROW = 60

/** As many lines as fit, none wider than the terminal: sites first, then what is under way, then the newest errors. */
export function render(view: StatusView, { columns, rows }: Size, said: { readonly now: Date; readonly fault?: string }): readonly Line[] {
  const head = heading(view, said)
  const sites = section(
    'Sites',
    view.sites.map((site) => siteLine(site, view)),
  )
  const room = Math.max(0, rows - head.length - sites.length - 1)
  const running = section(
    `Under way: ${view.running.length}`,
    view.running.map((each) => runningLine(each, columns)),
  )
  const errors = section(
    'Newest errors',
    view.errors.map((each) => errorLine(each)),
  )
  // Errors have a third of the room at least, where there are any.
  const forErrors = Math.min(errors.length, Math.max(Math.floor(room / 3), room - running.length))
  const all = [...head, ...sites, ...cut(running, room - forErrors), ...cut(errors, forErrors)]
  return [...all.slice(0, Math.max(1, rows - 1)), [{ text: 'q or Ctrl-C ends it', style: 'soft' } as const]].map((line) =>
    fit(line, columns),
  )
}

function heading(
  { instances, pauses, closed }: StatusView,
  { now, fault }: { readonly now: Date; readonly fault?: string },
): readonly Line[] {
  const count =
    instances.length === 0 ? 'no instance is running' : `${instances.length} ${instances.length === 1 ? 'instance' : 'instances'}`
  const odd = instances.filter(({ stream }) => stream === 'lost' || stream === 'unavailable')
  const page = pageLink(instances)
  return [
    [{ text: 'Site Sync', style: 'bold' }, { text: `  ${count}  ` }, { text: now.toTimeString().slice(0, 8), style: 'soft' }],
    ...(fault === undefined ? [] : [[{ text: `MongoDB does not answer: ${fault}`, style: 'bad' } as const]]),
    ...odd.map(({ _id, streamFault = 'no change stream' }): Line => [{ text: `${_id}: ${streamFault}`, style: 'warn' }]),
    ...(page ? [[{ text: pageText(page), style: 'soft' } as const]] : []),
    ...[...pauses, ...closed].map((pause): Line => [{ text: pauseText(pause), style: 'accent' }]),
  ]
}

const section = (title: string, lines: readonly Line[]): readonly Line[] =>
  lines.length === 0 ? [] : [[], [{ text: title, style: 'bold' }], ...lines]

function siteLine({ site, misconfigured, skipped, instances }: SiteOverview, { projects, pauses, closed }: StatusView): Line {
  const worst = instances.find(({ state }) => state !== 'ok') ?? instances[0]
  const isSkipped = skipped !== undefined && instances.length === 0
  const isPaused = pauses.some((pause) => pause.project === undefined && (pause.site === undefined || pause.site === site))
  const state =
    misconfigured !== undefined
      ? 'misconfigured'
      : isSkipped
        ? 'skipped'
        : isPaused
          ? 'paused'
          : closed.some((each) => each.site === site)
            ? 'closed'
            : (worst?.state ?? 'idle')
  const [shape, style] = state in SHAPES ? SHAPES[state as keyof typeof SHAPES] : state === 'misconfigured' ? WORST : IDLE
  const of = projects.filter((each) => each.site === site)
  const sum = (key: 'pending' | 'exhausted'): number => of.reduce((total, each: SiteCounts) => total + each[key], 0)
  const why = misconfigured ?? (isSkipped ? skipped : instances.find(({ error }) => error !== undefined)?.error)
  return [
    { text: `  ${shape} `, style },
    { text: site.padEnd(14), style: 'bold' },
    { text: ` ${state.padEnd(13)}`, style },
    { text: ` ${String(sum('pending')).padStart(7)} waiting` },
    ...(sum('exhausted') > 0 ? [{ text: `  ${sum('exhausted')} given up`, style: 'bad' } as const] : []),
    ...(why === undefined ? [] : [{ text: `  ${why}`, style: 'soft' } as const]),
  ]
}

function runningLine({ path, site, bytes, size }: ReportedTransfer, columns: number): Line {
  const share = size > 0 ? Math.min(1, bytes / size) : 0
  const width = columns < NARROW ? BAR / 2 : BAR
  const full = Math.round(share * width)
  const amount = columns < NARROW || size === 0 ? '' : ` ${bytesText(bytes)} of ${bytesText(size)}`
  const room = Math.max(12, columns - width - amount.length - site.length - 14)
  return [
    { text: `  ${'█'.repeat(full)}`, style: 'accent' },
    { text: '░'.repeat(width - full), style: 'soft' },
    { text: ` ${String(Math.floor(share * 100)).padStart(3)} %${amount} ` },
    { text: shorten(path.slice(path.lastIndexOf('/') + 1), room), style: 'bold' },
    { text: ` → ${site}` },
  ]
}

function errorLine({ name, site, error, isGivenUp }: NewestError): Line {
  return [
    { text: '  ✕ ', style: isGivenUp ? 'bad' : 'warn' },
    { text: name, style: 'bold' },
    { text: ` → ${site}: ${error.replaceAll('\n', ' ')}` },
  ]
}

/** In the middle: a frame number stands at the end. */
function shorten(text: string, most: number): string {
  const letters = lettersOf(text)
  if (letters.length <= most) return text
  const tail = Math.ceil((most - 1) / 2)
  return `${letters.slice(0, most - 1 - tail).join('')}…${letters.slice(-tail).join('')}`
}

/** Says how many there are more. */
function cut(lines: readonly Line[], room: number): readonly Line[] {
  if (lines.length <= room) return lines
  if (room < 3) return []
  return [...lines.slice(0, room - 1), [{ text: `  … and ${lines.length - room + 1} more`, style: 'soft' }]]
}

function fit(line: Line, columns: number): Line {
  let left = columns
  return line.flatMap((span) => {
    const letters = lettersOf(printable(redact(span.text))).slice(0, Math.max(0, left))
    left -= letters.length
    return letters.length === 0 ? [] : [{ ...span, text: letters.join('') }]
  })
}

function lettersOf(text: string): readonly string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment)
}

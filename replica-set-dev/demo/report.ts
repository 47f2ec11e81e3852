import { table } from '../../src/commands/table.ts'
import { printable } from '../../src/logging/printable.ts'
import { percentile } from './percentile.ts'
import { durationText } from './progress-line.ts'
import type { SurveyedFile, SurveyedSite } from './survey.ts'

const STATE_WORDS: Partial<Record<SurveyedFile['state'], string>> = { synced: 'synced', exhausted: 'failed', misconfigured: 'left out' }

/** One row a representation and site: what is synced, what failed and why, and the times of its slowest file. */
export function outcomeTable(sites: readonly SurveyedSite[], isLive: (representationId: string) => boolean, retryCount: number): string {
  const head = ['representation', 'site', 'state', 'publish → upload start', 'publish → created_dt', 'why']
  const rows = sites.map(({ representationId, label, site, files }) => {
    const mark = isLive(representationId) ? '' : '*'
    const time = (values: readonly (number | undefined)[]): string => {
      const known = values.filter((value) => value !== undefined)
      return known.length === 0 ? '–' : `${durationText(Math.max(...known))}${mark}`
    }
    return [
      printable(label),
      printable(site),
      states(files),
      time(files.map(({ startMs }) => startMs)),
      time(files.map(({ createdMs }) => createdMs)),
      why(files, retryCount),
    ]
  })
  return table(head, rows)
}

/** `synced`, `24 synced`, `1 failed, 2 synced`. */
function states(files: readonly SurveyedFile[]): string {
  const counts = Map.groupBy(files, ({ state }) => STATE_WORDS[state] ?? state)
  if (counts.size === 1 && files.length === 1) return [...counts.keys()].join('')
  return [...counts].map(([state, own]) => `${own.length} ${state}`).join(', ')
}

function why(files: readonly SurveyedFile[], retryCount: number): string {
  const reasons = files.flatMap(({ state, tries, error }) => {
    if (state === 'synced') return []
    return [`${tries > 0 ? `${tries} of ${retryCount} tries: ` : ''}${printable(error ?? '')}`]
  })
  const [first = '', ...others] = new Set(reasons)
  return others.length > 0 ? `${first} (and ${others.length} more)` : first
}

export interface Figures {
  /** How many files and sites were timed. */
  readonly count: number
  readonly start: Percentiles | undefined
  readonly created: Percentiles | undefined
}

interface Percentiles {
  readonly p50: number
  readonly p95: number
}

/** Of the files that were synced and seen from the publish to the end. */
export function figures(files: readonly SurveyedFile[]): Figures {
  const timed = files.filter(({ startMs, createdMs }) => startMs !== undefined && createdMs !== undefined)
  return {
    count: timed.length,
    start: percentiles(timed.map(({ startMs }) => startMs ?? 0)),
    created: percentiles(timed.map(({ createdMs }) => createdMs ?? 0)),
  }
}

function percentiles(values: readonly number[]): Percentiles | undefined {
  const p50 = percentile(values, 0.5)
  const p95 = percentile(values, 0.95)
  return p50 === undefined || p95 === undefined ? undefined : { p50, p95 }
}

export function figureLines({ count, start, created }: Figures): string[] {
  if (!start || !created) return ['publish → created_dt: nothing was timed']
  return [
    figureLine('publish → upload start', start),
    figureLine('publish → created_dt  ', created),
    `Measured in this process, for ${count} transfers of small files that were published while the service ran: from just before the`,
    'publish was inserted (write concern majority) to the start of the transfer, and to the moment its created_dt was acknowledged by',
    'a majority. A row of the table shows its slowest file; * = published before the service started, its start included.',
  ]
}

function figureLine(what: string, { p50, p95 }: Percentiles): string {
  return `${what}  p50 ${Math.round(p50)} ms   p95 ${Math.round(p95)} ms`
}

export interface Expectation {
  /** Paths as the documents name them. */
  readonly missing: readonly string[]
  /** What the error of such a file has to name. */
  readonly reason: (path: string) => string
}

/** What did not go as it should, a sentence for each site and cause. */
export function disappointments(sites: readonly SurveyedSite[], timed: Figures, expectation: Expectation): string[] {
  const { missing } = expectation
  const wrong = sites.flatMap(({ site, files }) =>
    files.flatMap((file) => {
      const what = missing.includes(file.path) ? wrongAboutMissing(file, expectation) : wrongAbout(file)
      return what === undefined ? [] : [{ path: file.path, what: `${what} on ${site}${file.error === undefined ? '' : `: ${file.error}`}` }]
    }),
  )
  const sentences = [...Map.groupBy(wrong, ({ what }) => what)].map(([what, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` and ${others.length} more`
    return `${first?.path}${more} ${what}`
  })
  const unseen = missing.filter((path) => !sites.some(({ files }) => files.some((file) => file.path === path)))
  return [
    ...(sites.length === 0 ? ['nothing was published'] : []),
    ...sentences,
    ...unseen.map((path) => `${path} was to fail, and nobody tried it`),
    ...(timed.created ? [] : ['no transfer could be timed']),
  ].map(printable)
}

function wrongAbout({ state }: SurveyedFile): string | undefined {
  return state === 'synced' ? undefined : `not synced (${STATE_WORDS[state] ?? state})`
}

function wrongAboutMissing({ path, state, error }: SurveyedFile, { reason }: Expectation): string | undefined {
  if (state !== 'exhausted') return `should have failed, and is ${STATE_WORDS[state] ?? state}`
  return error?.includes(reason(path)) === true ? undefined : 'failed for another reason than expected'
}

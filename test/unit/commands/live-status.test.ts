import { expect, test } from 'vitest'

import type { StatusView } from '../../../src/commands/live-status/look.ts'
import { render } from '../../../src/commands/live-status/render.ts'

const NOW = new Date('2026-11-27T12:00:00Z')
const report = (site: string, state: 'ok' | 'cooling', more = {}) => ({
  site,
  provider: 'local_drive',
  instance: 'a',
  state,
  running: 1,
  queued: 0,
  ...more,
})
const instance = {
  _id: 'a',
  database: 'd',
  host: 'here',
  pid: 1,
  started: NOW,
  stream: 'open',
  heard: NOW,
  heardAgoMs: 1,
  page: 'http://127.0.0.1:8787/',
} as const
const moving = (n: number) => ({
  id: String(n),
  project: 'p',
  representation: 'r',
  file: 'f',
  path: `{root[work]}/a/sh010_renderMain.${1_001 + n}.exr`,
  site: 'nas',
  bytes: 62,
  size: 100,
})

const view = (more: Partial<StatusView> = {}): StatusView => ({
  instances: [instance],
  pauses: [],
  closed: [],
  sites: [
    { site: 'nas', provider: 'local_drive', instances: [report('nas', 'ok')] },
    {
      site: 'vendor',
      provider: 'sftp',
      instances: [report('vendor', 'cooling', { error: 'connection refused\u001b[2J password=hunter2' })],
    },
    { site: 'archive', misconfigured: 'the key is missing', instances: [] },
  ],
  projects: [{ project: 'p', site: 'nas', pending: 12, failed: 1, exhausted: 3, paused: 0 }],
  running: [moving(0)],
  errors: [{ name: 'sh020 layout v1 blend', site: 'nas', error: 'not at the\nsite', isGivenUp: true }],
  ...more,
})

const text = (of: StatusView, columns: number, rows = 40, fault?: string) =>
  render(of, { columns, rows }, { now: NOW, ...(fault !== undefined && { fault }) }).map((line) => line.map((span) => span.text).join(''))

test('sites with shape and word, what is under way with a bar, the newest errors', () => {
  const lines = text(view(), 120)
  const all = lines.join('\n')
  expect(lines[0]).toMatch(/^Site Sync  1 instance  \d\d:\d\d:\d\d$/)
  expect(all).toMatch(/● nas +ok +12 waiting  3 given up/)
  expect(all).toMatch(/▲ vendor +cooling +0 waiting  connection refused/)
  expect(all).toMatch(/✕ archive +misconfigured .*the key is missing/)
  expect(all).toMatch(/█{12}░{8}  62 % 62 B of 100 B sh010_renderMain\.1001\.exr → nas/)
  expect(all).toMatch(/✕ sh020 layout v1 blend → nas: not at the site/)
  expect(all).toContain('http://127.0.0.1:8787/')
  expect(lines.at(-1)).toBe('q or Ctrl-C ends it')
})

test('no secret, and nothing that steers the terminal', () => {
  const all = text(view(), 200).join('\n')
  expect(all).not.toContain('hunter2')
  expect(all).not.toContain('\u001b')
})

test.each([1, 20, 40, 59, 60, 80, 200])('%s columns: no line is wider', (columns) => {
  for (const line of text(view({ running: Array.from({ length: 30 }, (_, n) => moving(n)) }), columns))
    expect(line.length).toBeLessThanOrEqual(columns)
})

test('a frame number is seen on a narrow terminal', () => {
  expect(text(view(), 50).join('\n')).toMatch(/…\S*1001\.exr → nas/)
})

test.each([1, 5, 10, 24, 40])('%s rows: as many lines as fit, and how many there are more', (rows) => {
  const busy = view({
    running: Array.from({ length: 100 }, (_, n) => moving(n)),
    errors: Array.from({ length: 20 }, () => view().errors[0]!),
  })
  const lines = text(busy, 80, rows)
  expect(lines.length).toBeLessThanOrEqual(Math.max(2, rows))
})

test('what does not fit is counted, and errors have their room all the same', () => {
  const busy = view({
    running: Array.from({ length: 100 }, (_, n) => moving(n)),
    errors: Array.from({ length: 20 }, () => view().errors[0]!),
  })
  const all = text(busy, 80, 24).join('\n')
  expect(all).toMatch(/… and \d+ more/)
  expect(all).toContain('Newest errors')
})

test('without an instance, and without the database, it says so', () => {
  const lines = text(view({ instances: [], sites: [], running: [], errors: [] }), 80, 24, 'connection refused')
  expect(lines[0]).toContain('no instance is running')
  expect(lines[1]).toBe('MongoDB does not answer: connection refused')
})

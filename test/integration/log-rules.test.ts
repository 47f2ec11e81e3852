import { readFile } from 'node:fs/promises'

import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

import { SyncError } from '../../src/errors.ts'
import { LOG_ACTIONS } from '../../src/model/log.ts'
import { startOldMongod } from '../support/old-mongod.ts'
import { ownSet } from '../support/own-set.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

const example = async (name: string): Promise<string> => await readFile(new URL(`../../examples/${name}`, import.meta.url), 'utf8')

type Line = Readonly<Record<string, unknown>>

/** By a dotted path, or by a key that is dotted itself, as Loki's `["log.level"]`. */
function field(line: unknown, path: string): unknown {
  const [, whole] = /^\["(.*)"\]$/.exec(path) ?? []
  const keys = whole === undefined ? path.split('.') : [whole]
  return keys.reduce<unknown>((of, key) => (typeof of === 'object' && of !== null ? (of as Line)[key] : undefined), line)
}

/** What Filebeat makes of dotted keys. */
function expanded(line: Line): Line {
  const { 'log.level': level, ...rest } = line
  return { ...rest, log: { level } }
}

const mongo = ownSet({ members: 1 })
let written: Promise<readonly Line[]> | undefined
const linesOnce = async (): Promise<readonly Line[]> => await (written ??= linesOfServices())

/** Of a service whose site is in trouble and recovers, one of whose files fails for good, and whose database goes and comes back; and of a start that fails. */
async function linesOfServices(): Promise<readonly Line[]> {
  const stage = await mongo.stage({
    sites: [{ name: 'nas' }, { name: 'odd', provider: 'no-such' }],
    settings: { retryCount: 1, loopDelaySeconds: 1 },
  })
  const within = { withinMs: 60_000 }
  const down = new SyncError('UNREACHABLE', 'the host does not answer', { retryAfterMs: 50 })
  stage.spy('nas').fail({ verb: 'write', with: down }, { verb: 'probe', with: down })
  const running = await stage.start()
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('nas')), entry('{root[work]}/lost.ma', inArray('gdrive'))])
  await stage.insert(document)
  await running.lines.until('site.cooling')
  await running.lines.until('transfer.exhausted')
  await running.lines.until('scan.finished', 2)
  stage.spy('nas').calm()
  await running.lines.until('site.recovered', 1, within)
  // Soon after, it is in trouble once more.
  const cooled = running.lines.count('site.cooling')
  stage.spy('nas').fail({ verb: 'write', with: down }, { verb: 'probe', with: down })
  await stage.file('b.ma')
  await stage.insert(representation([entry('{root[work]}/b.ma', inArray('nas'))]))
  await running.lines.until('site.cooling', cooled + 1, within)
  stage.spy('nas').calm()
  await running.lines.until('site.recovered', 2, within)
  for (const times of [1, 2]) {
    for (const member of mongo.set.members) await mongo.set.stopMember(member)
    await running.lines.until('database.lost', times, within)
    await running.lines.until('stream.lost', times, within)
    for (const member of mongo.set.members) await mongo.set.startMember(member)
    await running.lines.until('database.recovered', times, within)
    await running.lines.until('stream.resumed', times, within)
  }
  await running.stop()
  const old = await Stage.open({ uri: await startOldMongod({ version: '4.4.29', maxWireVersion: 17 }) })
  const refused = old.launch()
  await refused.ended
  return `${running.lines.text}${refused.lines.text}`
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

const isDocumented = (action: string): boolean => Object.hasOwn(LOG_ACTIONS, action)

describe('rules for Loki', () => {
  test('take fields that lines have, and each condition is true of some line', { timeout: 120_000 }, async () => {
    const lines = await linesOnce()
    const { groups } = parse(await example('loki-rules.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] }
    const rules = groups.flatMap(({ rules: own }) => own)
    expect(rules.length).toBeGreaterThan(5)
    for (const { alert, expr } of rules) {
      const selects = [...expr.matchAll(/\{job="site-sync"\} \| json ([^|]*)\|([^[]*)\[\d+[mh]\]/g)]
      expect([alert, selects.length]).toEqual([alert, expr.split('{job=').length - 1])
      for (const [, fields = '', conditions = ''] of selects) {
        const paths = new Map(
          [...fields.matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g)].map(([, name = '', path = '']) => [name, path.replaceAll('\\"', '"')]),
        )
        const asked = [...conditions.matchAll(/(\w+)(=~|=)"([^"]*)"/g)]
        expect([alert, asked.length > 0]).toEqual([alert, true])
        for (const action of asked.filter(([, name]) => name === 'action').flatMap(([, , , value = '']) => value.split('|')))
          expect([alert, action, isDocumented(action)]).toEqual([alert, action, true])
        const found = lines.filter((line) =>
          asked.every(([, name = '', operator, value = '']) => {
            const is = String(field(line, paths.get(name) ?? name))
            return operator === '=' ? is === value : new RegExp(`^(?:${value})$`).test(is)
          }),
        )
        expect([alert, found.length > 0]).toEqual([alert, true])
        for (const path of paths.values())
          expect([alert, path, found.every((line) => field(line, path) !== undefined)]).toEqual([alert, path, true])
        for (const [, by = ''] of expr.matchAll(/by \(([\w, ]+)\)/g))
          for (const label of by.split(', ')) expect([alert, label, paths.has(label) || label === 'host']).toEqual([alert, label, true])
      }
    }
  })
})

/** What is asked for last, unless something else came later: evaluated as Loki does, on the lines up to each of them. */
function firing(expr: string, lines: readonly Line[]): readonly boolean[] {
  const select =
    /max by \(host(?:, site)?\) \(max_over_time\(\{job="site-sync"\} \| json action="event\.action"(?:, site="site_sync\.site")? \| action=~?"([^"]+)" \| label_format at=`\{\{ __timestamp__ \| unixEpochMillis \}\}` \| unwrap at \[[12]h\]\)\)/g
  expect(expr.replaceAll(select, 'S')).toBe('S unless S >= S')
  const [lost = '', over = '', again] = [...expr.matchAll(select)].map(([, actions = '']) => actions)
  expect(again).toBe(lost)
  const last = (actions: string, among: readonly Line[]): number =>
    Math.max(-Infinity, ...among.filter((line) => actions.split('|').includes(String(field(line, 'event.action')))).map(timeOf))
  return lines.map((_, n) => {
    const seen = lines.slice(0, n + 1)
    return last(lost, seen) > -Infinity && !(last(over, seen) >= last(lost, seen))
  })
}

const timeOf = (line: Line): number => Date.parse(String(line['@timestamp']))

test.each([
  ['SiteSyncSiteDown', 'site.cooling', 'site.recovered'],
  ['SiteSyncDatabaseLost', 'database.lost', 'database.recovered'],
  ['SiteSyncStreamLost', 'stream.lost', 'stream.resumed'],
])('%s lasts from %s to %s, also the second time', { timeout: 120_000 }, async (name, lost, over) => {
  const all = await linesOnce()
  // Of the service that was well in the end; the other one never had a stream.
  const lines = all.slice(
    0,
    all.findIndex((line) => field(line, 'event.action') === 'service.stopped'),
  )
  const { groups } = parse(await example('loki-rules.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] }
  const expr = groups.flatMap(({ rules }) => rules).find(({ alert }) => alert === name)?.expr ?? ''
  const is = firing(expr, lines)
  const turns = is.flatMap((now, n) => (now === (is[n - 1] ?? false) ? [] : [field(lines[n], 'event.action')]))
  expect(turns).toEqual([lost, over, lost, over])
})

describe('rules for Elastic', () => {
  test('ask for fields that lines have as Filebeat sends them, and each query finds some line', { timeout: 120_000 }, async () => {
    const lines = await linesOnce()
    const rules = parseAllDocuments(await example('elastalert-rules.yml')).map(
      (document) => document.toJS() as { name: string; query_key?: string; filter: { query: { query_string: { query: string } } }[] },
    )
    expect(rules.length).toBeGreaterThan(5)
    for (const { name, query_key: key, filter } of rules) {
      const [first] = filter
      const query = first?.query.query_string.query ?? ''
      const term = /([\w.]+):"([^"]*)"/g
      expect([name, query.replaceAll(term, 'X')]).toEqual([name, expect.stringMatching(/^X(?: (?:OR|AND) X)*$/)])
      const terms = [...query.matchAll(term)]
      const actions = terms.filter(([, path]) => path === 'event.action').map(([, , value = '']) => value)
      expect([name, actions.length > 0, actions.filter((action) => !isDocumented(action))]).toEqual([name, true, []])
      const is =
        (line: Line) =>
        ([, path = '', value]: RegExpExecArray) =>
          field(expanded(line), path) === value
      const found = lines.filter((line) => (query.includes(' OR ') ? terms.some(is(line)) : terms.every(is(line))))
      expect([name, found.length > 0]).toEqual([name, true])
      // Each half of an OR finds something, too.
      expect([name, terms.filter((each) => !lines.some((line) => is(line)(each)))]).toEqual([name, []])
      const isKeyed = key === undefined || found.every((line) => field(expanded(line), key) !== undefined)
      expect([name, isKeyed]).toEqual([name, true])
    }
  })
})

test('Filebeat and Vector read the unit of the example for systemd, and give what the rules go by', async () => {
  const filebeat = parse(await example('filebeat.yml')) as Record<string, unknown>
  expect(filebeat['filebeat.inputs']).toEqual([
    { type: 'journald', id: 'site-sync', 'include_matches.match': ['_SYSTEMD_UNIT=site-sync.service'] },
  ])
  expect(filebeat['processors']).toEqual([
    { decode_json_fields: expect.objectContaining({ fields: ['message'], target: '', expand_keys: true }) },
  ])
  const vector = parse(await example('vector.yaml')) as {
    sources: object
    sinks: { loki: { inputs: string[]; labels: object; encoding: object } }
  }
  expect(vector.sources).toEqual({ site_sync: { type: 'journald', include_units: ['site-sync.service'] } })
  expect(vector.sinks.loki).toMatchObject({ inputs: ['site_sync'], labels: { job: 'site-sync' }, encoding: { codec: 'text' } })
  expect((await example('site-sync.service')).length).toBeGreaterThan(100)
})

import { text } from 'node:stream/consumers'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { controlStore } from '../../src/streams/control-store.ts'
import { addressOf, HTTP, open } from '../support/http-client.ts'
import { HAS_PROMTOOL, promtool } from '../support/promtool.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

interface Target {
  readonly expr: string
  readonly legendFormat: string
}

interface Dashboard {
  readonly schemaVersion: number
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] }
  readonly panels: readonly { readonly id: number; readonly type: string; readonly title: string; readonly targets?: readonly Target[] }[]
}

const dashboard = JSON.parse(await readFile(new URL('../../examples/grafana-dashboard.json', import.meta.url), 'utf8')) as Dashboard
const targets = dashboard.panels.flatMap(({ title, targets: own = [] }) => own.map((target) => ({ title, ...target })))
/** Given by Prometheus to whatever it scrapes. */
const BY_SCRAPE = ['job', 'instance']
/** No metric: functions and words of the language, and labels after `by` and `on`, are told from them by their form. */
const METRIC = /\b(?:site_sync|process)_\w+/g

/** The names of labels of each metric, as a service tells them. */
async function metricsOfAService(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const stage = await Stage.open({ sites: [{ name: 'nas' }, { name: 'down' }], settings: { http: HTTP, retryCount: 1 } })
  stage.spy('nas').fail({ verb: 'write', with: new SyncError('REFUSED', 'no') })
  const locked = new SyncError('CREDENTIALS', 'the account is locked')
  stage.spy('down').fail({ verb: 'write', with: locked }, { verb: 'probe', with: locked })
  const running = await stage.start()
  const address = await addressOf(running)
  await stage.synced(await stage.publish('a.ma'))
  await stage.file('b.ma')
  const refused = representation([entry('{root[work]}/b.ma', inArray('nas', 'down'))])
  await stage.insert(refused)
  await stage.until(refused, 'its failure', ({ error }) => error !== undefined, { site: 'nas' })
  await controlStore(stage.state, stage.settings.mongo.database).pause({ site: 'nas', who: 'anna', since: T0 })
  const found = await waitFor('all gauges', async () => {
    const metrics = new Map<string, Set<string>>()
    for (const line of (await text(await open(address, '/metrics'))).split('\n')) {
      const type = /^# TYPE (\S+) (\S+)/.exec(line)
      if (type) metrics.set(type[1] ?? '', metrics.get(type[1] ?? '') ?? new Set())
      const [, name = '', labels = ''] = /^([a-z_]+)(?:\{(.*)\})? /.exec(line) ?? []
      if (name === '') continue
      const known = metrics.get(name) ?? new Set()
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
      metrics.set(name, known)
    }
    const last = ['site_sync_paused', 'site_sync_failures_total', 'site_sync_oldest_pending_seconds']
    return last.every((name) => (metrics.get(name)?.size ?? 0) > 0) && metrics
  })
  await running.stop()
  // No stream was lost.
  found.set('site_sync_change_stream_resumes_total', new Set(['reason']))
  return found
}

test('the dashboard asks for metrics and labels that a running service has, and its legends for labels that are left', async () => {
  expect(targets.length).toBeGreaterThan(20)
  const metrics = await metricsOfAService()
  const faults: string[] = []
  for (const { title, expr, legendFormat } of targets) {
    const asked = [...expr.matchAll(METRIC)].map(([name]) => name)
    if (asked.length === 0) faults.push(`${title}: asks for no metric`)
    for (const name of asked) if (!metrics.has(name)) faults.push(`${title}: there is no ${name}`)
    for (const [, name = '', matchers = ''] of expr.matchAll(/\b((?:site_sync|process)_\w+)\{([^}]*)\}/g))
      for (const [, label = ''] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)/g))
        if (!metrics.get(name)?.has(label)) faults.push(`${title}: ${name} has no ${label}`)
    const ofAll = new Set([...asked.flatMap((name) => [...(metrics.get(name) ?? [])]), ...BY_SCRAPE])
    const [, by] = /^\w+ by \(([^)]*)\)/.exec(expr) ?? []
    const left = by === undefined ? ofAll : new Set(by.split(', '))
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      if (!ofAll.has(label)) faults.push(`${title}: its legend names ${label}`)
      if (by !== undefined && !left.has(label)) faults.push(`${title}: ${label} is not left for its legend`)
    }
    for (const [, labels = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g))
      for (const label of labels.split(', ')) if (!ofAll.has(label)) faults.push(`${title}: groups by ${label}`)
  }
  for (const { name, definition = '' } of dashboard.templating.list) {
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
    if (name !== 'datasource' && !metrics.get(metric)?.has(label)) faults.push(`variable ${name}: ${definition}`)
  }
  expect(faults).toEqual([])
})

test('the dashboard has its variables, and each panel its place', () => {
  expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'project', 'site'])
  const used = new Set(targets.flatMap(({ expr }) => [...expr.matchAll(/\$(\w+)/g)].map(([, name]) => name)))
  expect(used).toEqual(new Set(['project', 'site', '__rate_interval']))
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
  expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39)
})

test.runIf(HAS_PROMTOOL)('each query is one that Prometheus understands', async () => {
  const rules = targets.map(({ expr }, at) => ({
    record: `q:${at}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
  }))
  const folder = await mkdtemp(join(tmpdir(), 'site-sync-queries-'))
  await writeFile(`${folder}/rules.yml`, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
  const { code, text: said } = await promtool('check', 'rules', `${folder}/rules.yml`)
  await rm(folder, { recursive: true })
  expect([code, said]).toEqual([0, expect.stringContaining(`${targets.length} rules found`)])
})

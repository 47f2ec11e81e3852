import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, onTestFinished, test } from 'vitest'

import { HAS_PROMTOOL, promtool } from '../support/promtool.ts'

const RULES = fileURLToPath(new URL('../../examples/prometheus-rules.yml', import.meta.url))
const CASES = new URL('../support/prometheus/rules.test.yml', import.meta.url)

/** The cases, for these rules. */
async function casesFor(rules: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'site-sync-rules-'))
  onTestFinished(async () => await rm(folder, { recursive: true }))
  const [changed, cases] = [join(folder, 'rules.yml'), join(folder, 'cases.yml')]
  await writeFile(changed, rules)
  await writeFile(cases, (await readFile(CASES, 'utf8')).replace('RULES', JSON.stringify(changed)))
  return cases
}

test('each alert has a case in which it fires, and one in which it does not', async () => {
  const alerts = [...(await readFile(RULES, 'utf8')).matchAll(/alert: (\w+)/g)].map(([, name]) => name)
  const cases = [...(await readFile(CASES, 'utf8')).matchAll(/name: (\w+) (fires|does not fire)/g)].map(([, name, how]) => `${name} ${how}`)
  expect(alerts.length).toBeGreaterThan(5)
  expect(alerts.flatMap((name) => [`${name} fires`, `${name} does not fire`]).filter((each) => !cases.includes(each))).toEqual([])
})

describe.runIf(HAS_PROMTOOL)('promtool', () => {
  test('understands the rules', async () => {
    expect(await promtool('check', 'rules', RULES)).toMatchObject({ code: 0 })
  })

  test('finds that each alert fires when it should, and only then', async () => {
    const { code, text } = await promtool('test', 'rules', await casesFor(await readFile(RULES, 'utf8')))
    expect([code, text]).toEqual([0, expect.stringContaining('SUCCESS')])
  })

  test('would find an alert that fires in a young replica set', async () => {
    const rules = (await readFile(RULES, 'utf8')).replace(' unless site_sync_oplog_filling == 1', '')
    const { code, text } = await promtool('test', 'rules', await casesFor(rules))
    expect([code, text]).toEqual([1, expect.stringContaining('SiteSyncOplogShort')])
  })
})

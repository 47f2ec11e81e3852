import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { freePort } from '../../replica-set-dev/free-port.ts'
import { HAS_BROWSER } from '../support/browser.ts'
import { entry, inArray, representation, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { useServicePage } from '../support/service-page.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

const guide = async (): Promise<string> => await readFile(new URL('../../docs/three-questions.md', import.meta.url), 'utf8')

/** What each command of the guide says, on a production as the demo has it. */
const ANSWERS: Readonly<Record<string, RegExp>> = {
  'site-sync explain sh030/animMain/1/ma': /sh030_animMain_v001\.ma → nas: synced/,
  'site-sync explain sh020/workfileLayout/1/blend': /→ nas: exhausted: .*is not there[^]*site-sync retry [^]*on the page: http/,
  'site-sync retry sh020/workfileLayout/1/blend --site nas': /^1 records of 1 representations/,
  'site-sync status': /Page: http[^]*nas[^]*ok/,
  'site-sync doctor': /pass +site nas/,
  'site-sync retry --site nas --state exhausted': /^1 records of 1|0 changed/,
}

function published(asset: string, subset: string, name: string): Representation {
  const context = { project: { name: 'prj' }, asset, subset, version: 1, representation: name }
  return representation([entry(`{root[work]}/${asset}_${subset}_v001.${name}`, inArray('nas'))], { name, context })
}

/** One file that arrives, and one that is missing. */
async function production() {
  const stage = await Stage.open()
  const port = await freePort()
  const config = await writeConfig(stage, {
    general: { remote_site: 'nas', retry_cnt: 1, loop_delay: 3_600, http: { enabled: true, port } },
    sites: { nas: { provider: 'local_drive', root: { work: join(stage.dir, 'nas') } } },
  })
  // Of the site that `writeConfig` adds.
  await mkdir(join(stage.dir, 'mirror'))
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('http.listening', 1, { withinMs: 30_000 })
  await service.lines.until('service.ready', 1, { withinMs: 30_000 })
  await stage.file('sh030_animMain_v001.ma')
  await stage.insert(published('sh030', 'animMain', 'ma'), published('sh020', 'workfileLayout', 'blend'))
  await service.lines.until('transfer.succeeded')
  await service.lines.until('transfer.exhausted')
  return { config, address: `http://127.0.0.1:${port}/` }
}

test('each command of the guide answers', { timeout: 240_000 }, async () => {
  const commands = [...new Set([...(await guide()).matchAll(/`(site-sync [a-z][^`…]*)`/g)].map(([, command]) => String(command)))]
  expect(commands.toSorted()).toEqual(Object.keys(ANSWERS).toSorted())
  const { config } = await production()
  for (const command of commands) {
    const program = new ServiceProcess([...command.split(' ').slice(1), '--config', config])
    expect([command, await program.end(60_000), program.stderr]).toEqual([command, 0, expect.any(String)])
    expect(program.stdout).toMatch(ANSWERS[command] ?? '')
  }
})

describe.skipIf(!HAS_BROWSER)('on the page', () => {
  const open = useServicePage()

  test('each of the three finds the answer by the steps of the guide', { timeout: 120_000 }, async () => {
    const { address } = await production()
    const { page, faults } = await open.look(address)
    const text = await guide()
    for (const word of ['*Problems*', '*Show*', '*Why is it not at nas?*', '*What to do*']) expect(text).toContain(word)
    // The operator: the cards, and what is wrong.
    await page.locator('.card', { hasText: 'nas' }).getByText('1 file given up').waitFor()
    const problem = page.getByRole('region', { name: 'Problems' }).locator('.problem')
    await problem.getByText('is not there').waitFor()
    // The artist.
    await page.keyboard.press('/')
    await page.keyboard.type('sh030')
    const rows = page.locator('.queue > .rows > .row')
    await rows.filter({ hasText: 'sh020' }).waitFor({ state: 'detached' })
    await rows.filter({ hasText: 'sh030' }).locator('.cell', { hasText: 'nas' }).getByText('synced').waitFor()
    // The TD.
    await problem.getByRole('button', { name: 'Show' }).click()
    await rows.filter({ hasText: 'sh020' }).locator('.name').click()
    const detail = page.locator('#detail')
    await detail.getByRole('heading', { name: 'Why is it not at nas?' }).waitFor()
    await detail.getByText('is not there').first().waitFor()
    await detail.getByText('What to do').first().waitFor()
    expect(await detail.locator('pre').first().textContent()).toMatch(/^site-sync retry /)
    expect(faults).toEqual([])
  })
})

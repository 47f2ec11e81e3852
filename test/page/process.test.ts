import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'

import { freePort } from '../../replica-set-dev/free-port.ts'
import { HAS_BROWSER } from '../support/browser.ts'
import { newToken } from '../support/http-client.ts'
import { entry, inArray, representation, type Representation } from '../support/published.ts'
import { useServicePage } from '../support/service-page.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

/** Requests for data: what a page that comes back may ask for, at most. */
const MOST_REQUESTS = 20

async function serve() {
  const stage = await Stage.open()
  const port = await freePort()
  const config = await writeConfig(stage, { general: { http: { enabled: true, port }, loop_delay: 3_600 } })
  const start = async (): Promise<ServiceProcess> => {
    const service = new ServiceProcess(['run', '--config', config])
    await service.lines.until('http.listening', 1, { withinMs: 30_000 })
    await service.lines.until('service.ready', 1, { withinMs: 30_000 })
    return service
  }
  return { stage, start, address: `http://127.0.0.1:${port}/` }
}

async function publish(stage: Stage, asset: string): Promise<Representation> {
  await stage.file(`${asset}.ma`)
  const document = representation([entry(`{root[work]}/${asset}.ma`, inArray('mirror'))], {
    context: { asset, subset: 'model', version: 1 },
  })
  await stage.insert(document)
  return document
}

const cell = (page: Page, asset: string) => page.locator('.queue .row', { hasText: asset }).locator('.cell', { hasText: 'mirror' })

describe.skipIf(!HAS_BROWSER)('the page of a service that is a process', () => {
  const open = useServicePage()

  async function look(address: string) {
    const watched = await open.look(address)
    await watched.page.getByText('live · 1 instance').waitFor()
    return watched
  }

  test(
    'killed and started again: the page says that it lost the service, and then shows what happened meanwhile',
    { timeout: 120_000 },
    async () => {
      const { stage, start, address } = await serve()
      const service = await start()
      const before = await publish(stage, 'before')
      await stage.synced(before, { site: 'mirror' })
      const { page, faults } = await look(address)
      await cell(page, 'before').getByText('synced').waitFor()
      service.signal('SIGKILL')
      await service.ended
      const lost = page.getByRole('alert')
      await lost.waitFor()
      expect(await lost.textContent()).toMatch(/What is shown is from \d\d:\d\d:\d\d; reconnecting/)
      expect(await cell(page, 'before').getByText('synced').isVisible()).toBe(true)

      const meanwhile = await publish(stage, 'meanwhile')
      const again = await start()
      await lost.waitFor({ state: 'detached' })
      await cell(page, 'meanwhile').getByText('synced').waitFor({ timeout: 60_000 })
      await stage.synced(meanwhile, { site: 'mirror' })
      await page.getByRole('link', { name: 'History' }).click()
      await page.getByRole('row', { name: /meanwhile.ma/ }).waitFor()
      expect(faults).toEqual([])
      again.signal('SIGTERM')
      expect(await again.end()).toBe(0)
    },
  )

  test('a site is paused and resumed on the page, and the service obeys', { timeout: 120_000 }, async () => {
    const { stage, start, address } = await serve()
    const service = await start()
    const token = await newToken(stage, 'operate', 'anna')
    const { page, faults } = await look(address)
    const card = page.locator('.card', { hasText: 'mirror' })
    await card.getByRole('button', { name: 'Pause… mirror' }).click()
    await page.getByLabel('Token', { exact: true }).fill(token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.getByLabel('Why').fill('disks are changed')
    await page.getByText('No document is changed by this.').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByText('Done.').waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    await card.getByText('Paused by anna: “disks are changed”').waitFor()
    expect(await stage.state.collection('controls').findOne({ site: 'mirror' })).toMatchObject({ who: 'anna', why: 'disks are changed' })
    await service.lines.until('controls.paused')

    // The list was read since the events began: what comes now is told.
    await page.getByRole('heading', { name: 'Nothing was published yet' }).waitFor()
    const held = await publish(stage, 'held')
    await page.getByRole('button', { name: '1 new' }).click()
    await cell(page, 'held').getByText('site paused').waitFor()
    await page.locator('.queue .name', { hasText: 'held' }).click()
    await page
      .locator('#detail')
      .getByText(/paused/)
      .first()
      .waitFor()
    expect(await stage.record(held, { site: 'mirror' })).not.toHaveProperty('created_dt')
    await card.getByRole('button', { name: 'Resume… mirror' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click()
    await page.getByText('Done.').waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    await stage.synced(held, { site: 'mirror' })
    await cell(page, 'held').getByText('synced').waitFor()
    expect(faults).toEqual([])
    service.signal('SIGTERM')
    expect(await service.end()).toBe(0)
  })

  test('a tab that slept catches up with a few requests, whatever happened meanwhile', { timeout: 180_000 }, async () => {
    const { stage, start, address } = await serve()
    const service = await start()
    const { page, faults } = await look(address)
    await page.getByText(/live/).first().waitFor()
    // Read after the events began: what comes now is told.
    await page.getByRole('heading', { name: 'Nothing was published yet' }).waitFor()
    const seen = await publish(stage, 'seen')
    await stage.synced(seen, { site: 'mirror' })
    await page.getByRole('button', { name: '1 new' }).click()
    await cell(page, 'seen').getByText('synced').waitFor()
    // Nothing of the page runs, and what it is told waits, as in a tab that the browser has frozen.
    const debuggerOfTab = await page.context().newCDPSession(page)
    const paused = new Promise((resolve) => debuggerOfTab.once('Debugger.paused', resolve))
    await debuggerOfTab.send('Debugger.enable')
    await debuggerOfTab.send('Debugger.pause')
    await paused
    const requests: string[] = []
    page.on('request', (request) => requests.push(new URL(request.url()).pathname))
    const many = await Promise.all(Array.from({ length: 300 }, async (_, n) => await publish(stage, `n${String(n).padStart(3, '0')}`)))
    for (const document of many) await stage.synced(document, { site: 'mirror', withinMs: 60_000 })
    await stage
      .project()
      .updateOne(
        { _id: seen._id },
        { $set: { 'files.0.sites.$[at].paused': true }, $unset: { 'files.0.sites.$[at].created_dt': 1 } },
        { arrayFilters: [{ 'at.name': 'mirror' }] },
      )
    expect(requests).toEqual([])
    await debuggerOfTab.send('Debugger.resume')
    await debuggerOfTab.detach()
    await waitFor('what changed in the row that is seen', async () => (await cell(page, 'seen').textContent())?.includes('paused'))
    await waitFor(
      'the new ones',
      async () => (await page.locator('.fresh button').count()) > 0 || (await page.locator('.queue .row', { hasText: 'n299' }).count()) > 0,
    )
    expect(requests.length).toBeLessThanOrEqual(MOST_REQUESTS)
    expect(faults).toEqual([])
    service.signal('SIGTERM')
    expect(await service.end()).toBe(0)
  })
})

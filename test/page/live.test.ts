import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'

import { HAS_BROWSER } from '../support/browser.ts'
import { TOKEN } from '../support/fake-api.ts'
import { atSite, idAt, manyItems } from '../support/fake-items.ts'
import { studio } from '../support/fake-studio.ts'
import { usePageStage, type PageStage } from '../support/page-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const NOW = Date.now()
let stage: PageStage

const isListOfExhausted = (url: URL): boolean => url.pathname.endsWith('/transfers') && url.searchParams.get('state') === 'exhausted'

const look = async (query = '', world = studio(NOW), options = {}): Promise<Page> => await stage.look(query, world, options)

async function giveToken(page: Page, token = TOKEN): Promise<void> {
  await page.getByLabel('Token', { exact: true }).fill(token)
  await page.getByRole('button', { name: 'Use it' }).click()
}

describe.skipIf(!HAS_BROWSER)('the page', () => {
  usePageStage((opened) => (stage = opened))

  test('a site says how it is: word, shape, why, what waits; its pause names who and why', async () => {
    const page = await look()
    const cards = page.locator('.card')
    await cards.nth(4).waitFor()
    expect(await cards.locator('.badge').allTextContents()).toEqual([
      'ok',
      'ok',
      expect.stringMatching(/^cooling · \d+ s$/),
      'paused',
      'misconfigured',
    ])
    const shapes = await page.evaluate<string[]>('[...document.querySelectorAll(".badge path")].map((path) => path.getAttribute("d"))')
    expect(new Set(shapes).size).toBe(4)
    expect(await cards.nth(3).textContent()).toContain('Paused by mira: “client is migrating”')
    await waitFor('what waits, and since when', async () =>
      /1,204 waiting.*oldest \d+ (min|h)/.test((await cards.nth(1).textContent()) ?? ''),
    )
  })

  test('a site that is not for the machine of the page is as the instances say that have it', async () => {
    const world = studio(NOW)
    const at = { instance: 'other/1/a', site: 'client', provider: 'local_drive', running: 0, queued: 0 }
    const skipped = { provider: 'local_drive', skipped: 'no root for linux' }
    const error = 'the root is not there: is it mounted?'
    const sites = [
      { site: 'client', ...skipped, instances: [{ ...at, state: 'cooling', error }] },
      { site: 'nobody', ...skipped, instances: [] },
    ]
    const page = await look('', { ...world, projects: [], status: { ...world.status, pauses: [], sites } })
    const cards = page.locator('.card')
    await cards.nth(1).waitFor()
    expect(await cards.locator('.badge').allTextContents()).toEqual(['cooling', 'not for this machine'])
    expect(await cards.first().textContent()).toMatch(
      /not counted here.*other\/1\/a: the root is not there: is it mounted\? No tries are spent/,
    )
  })

  test('a site outside its hours says so, and until when', async () => {
    const page = await look()
    await page.locator('.card').first().waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    const { status } = stage.api.world
    stage.api.tell('sites', { ...status, closed: [{ site: 'nas', who: 'x', since: new Date(NOW), until: new Date(NOW + 3_600_000) }] })
    await page.locator('.badge', { hasText: 'closed' }).waitFor()
    expect(await page.locator('.card').first().textContent()).toMatch(/Outside its hours, until/)
  })

  test('what is under way moves by itself, and what ends is in the history', async () => {
    const page = await look()
    const row = page.getByRole('row', { name: /sh010/ })
    await row.getByText('50%').waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    const [moving] = stage.api.world.running as { id: string; bytes: number; size: number }[]
    const before = Number(await row.locator('progress').getAttribute('value'))
    stage.api.tell('running', { running: [{ ...moving, bytes: 70e6 }], ended: [] })
    await waitFor('the bar', async () => Number(await row.locator('progress').getAttribute('value')) > before)
    const [item] = stage.api.world.items
    stage.api.tell('running', { running: [], ended: [moving?.id] })
    const [last] = stage.api.world.activity.ended
    const ended = [{ ...last, id: 'a1', bytes: 70e6, size: 74e6, ms: 1_000 }]
    stage.api.tell('activity', { ...stage.api.world.activity, ended })
    stage.api.tell('representations', { items: [{ ...item, sites: [atSite('gdrive', 'synced', 124)] }], gone: [] })
    await waitFor('synced', async () => (await row.getByRole('cell').allTextContents()).some((text) => /^(?:gdrive)?synced$/.test(text)))
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByRole('row', { name: /gdrive synced 70 MB of 74 MB 1 s 70 MB\/s/ }).waitFor()
    await page.getByRole('cell', { name: 'site client “client is migrating”' }).waitFor()
    expect(await page.getByRole('table').count()).toBe(2)
    expect(await page.getByRole('table').first().getByRole('row').count()).toBe(6)
  })

  test('what is published before the events begin is shown with them', async () => {
    const events = Promise.withResolvers<void>()
    const page = await look('', { ...studio(NOW), eventsAfter: events.promise })
    await waitFor('the question for the events', () => stage.api.eventsAsked > 0)
    // What the page asked for beside the events was answered before this is.
    await page.evaluate("fetch('api/v1/status').then((answer) => answer.json())")
    stage.api.world.items.push({ ...stage.api.world.items[0]!, id: idAt(4_000_000_000, 1), asset: 'early' })
    events.resolve()
    const row = page.getByRole('row', { name: /early/ })
    await row.waitFor()
    expect(await row.count()).toBe(1)
  })

  test('of a list that takes long it is said that it is being looked for, without the rows of the last one', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    const looked = Promise.withResolvers<void>()
    await page.route('**/api/v1/transfers?*', async (route) => {
      await looked.promise
      await route.continue()
    })
    await page.getByRole('searchbox').fill('sh020')
    await page.getByRole('heading', { name: 'Looking…' }).waitFor()
    expect(await page.getByRole('row').count()).toBe(0)
    looked.resolve()
    await page.getByRole('row', { name: /sh020/ }).waitFor()
    expect(await page.getByRole('heading', { name: 'Looking…' }).count()).toBe(0)
  })

  test('after an action, while the list is looked through again, its rows stay and it says so', async () => {
    const page = await look('?state=exhausted')
    const row = page.getByRole('row', { name: /sh020/ })
    await row.waitFor()
    const said = page.getByText('Looking for what is there now…')
    expect(await said.count()).toBe(0)
    const looked = Promise.withResolvers<void>()
    await page.route(isListOfExhausted, async (route) => {
      await looked.promise
      await route.continue()
    })
    await page.getByRole('checkbox', { name: /sh020/ }).check()
    await page.getByRole('region', { name: 'Actions' }).getByRole('button', { name: 'Retry…' }).click()
    await giveToken(page)
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Retry/ })
      .click()
    await said.waitFor()
    expect(await row.count()).toBe(1)
    stage.api.world.items = stage.api.world.items.filter(({ asset }) => asset !== 'sh020')
    looked.resolve()
    await said.waitFor({ state: 'detached' })
    await row.waitFor({ state: 'detached' })
  })

  test('while the rest is looked for, the rows that were found are there, and it says so', async () => {
    const page = await look('', { ...studio(NOW), pageSize: 1 })
    const rest = Promise.withResolvers<void>()
    await page.route('**/api/v1/transfers?*cursor=*', async (route) => {
      await rest.promise
      await route.continue()
    })
    await page.reload()
    const said = page.getByText('1 found so far; looking through the rest…')
    await said.waitFor()
    expect(await page.locator('.queue > .rows > .row').count()).toBe(1)
    rest.resolve()
    await said.waitFor({ state: 'detached' })
    await waitFor('the rest', async () => (await page.locator('.queue > .rows > .row').count()) > 1)
  })

  test('new representations wait behind a button, and rows do not move', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    const fresh = [1, 2].map((n) => ({ ...stage.api.world.items[0]!, id: idAt(4_000_000_000 + n, n), asset: `new${n}` }))
    stage.api.world.items.push(...fresh)
    stage.api.tell('representations', { items: fresh, gone: [] })
    const button = page.getByRole('button', { name: '2 new' })
    await button.waitFor()
    expect(await page.locator('.queue > .rows > .row b').first().textContent()).toBe('sh010')
    await button.click()
    await waitFor('the new ones', async () => (await page.locator('.queue > .rows > .row b').first().textContent()) === 'new2')
  })

  test('what is new in a project that is listed already waits behind the button, wherever the list ends', async () => {
    const many = manyItems(600)
    const of = (n: number) => ({ ...many[0]!, project: 'a_film', id: idAt(4_000_000_000 + n, n), asset: `film${n}` })
    const page = await look('', { ...studio(NOW), items: [...many, of(1)] })
    await page.getByRole('row', { name: /film1/ }).waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    stage.api.tell('representations', { items: [of(2), { ...of(3), project: 'zoo' }], gone: [] })
    await page.getByRole('button', { name: '1 new' }).waitFor()
    expect(await page.getByRole('row', { name: /film2/ }).count()).toBe(0)
  })

  test('what is asked for and can not be read is said, without rows of what was asked for before', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    let isBroken = true
    await page.route('**/api/v1/transfers?**', async (route) => {
      if (!isBroken) return await route.continue()
      const body = JSON.stringify({ status: 503, detail: 'MongoDB does not answer now, or not in time' })
      await route.fulfill({ status: 503, contentType: 'application/problem+json', body })
    })
    await page.getByRole('button', { name: /^Given up/ }).click()
    await page.getByRole('heading', { name: "The list can't be read now" }).waitFor()
    expect(await page.locator('.queue').count()).toBe(0)
    isBroken = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('row', { name: /sh020/ }).waitFor()
    // The same once more: rows from before are an answer, and why there is no newer one is said below them.
    isBroken = true
    stage.api.tell('reload')
    await page.getByRole('button', { name: 'Much changed: show it' }).click()
    await page.locator('.queue').getByText('MongoDB does not answer now').waitFor()
    isBroken = false
    await page.locator('.queue').getByRole('button', { name: 'Try again' }).click()
    await page.locator('.queue').getByText('MongoDB does not answer now').waitFor({ state: 'detached' })
    expect(await page.getByRole('row', { name: /sh020/ }).isVisible()).toBe(true)
    await page.unrouteAll({ behavior: 'wait' })
  })

  test('that much changed is not forgotten where it is told while the list is read', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    const read = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    await page.route('**/api/v1/transfers?*', async (route) => {
      const response = await route.fetch()
      read.resolve()
      await released.promise
      await route.fulfill({ response })
    })
    await page.getByRole('searchbox').fill('sh010')
    await read.promise
    stage.api.tell('reload')
    const button = page.getByRole('button', { name: 'Much changed: show it' })
    await button.waitFor()
    const answered = page.waitForResponse(/transfers/)
    released.resolve()
    await answered
    await waitFor('the rows of the answer', async () => (await page.locator('.queue > .rows > .row').count()) === 1)
    expect(await button.count()).toBe(1)
    // What is asked for now may still be under way when the page is closed.
    await page.unrouteAll({ behavior: 'wait' })
    await button.click()
    await button.waitFor({ state: 'detached' })
  })

  test('a service that is gone: the page says from when it is, and catches up when it comes back', { timeout: 60_000 }, async () => {
    const page = await look()
    await page.getByText('live', { exact: false }).first().waitFor()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await stage.api.stop()
    const lost = page.getByRole('alert')
    await lost.waitFor()
    expect(await lost.textContent()).toMatch(/What is shown is from \d\d:\d\d:\d\d; reconnecting/)
    expect(await page.getByRole('row', { name: /sh010/ }).isVisible()).toBe(true)
    stage.api.world.items = stage.api.world.items.map((item) =>
      item.asset === 'sh020' ? { ...item, sites: [atSite('nas', 'synced', 1)] } : item,
    )
    await stage.api.start()
    await lost.waitFor({ state: 'detached' })
    await waitFor(
      'what changed meanwhile',
      async () => (await page.getByRole('row', { name: /sh020/ }).textContent())?.includes('gave up') === false,
    )
  })

  test('what is shown is from when the service was heard of last, also where nothing happened', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    await page.clock.setFixedTime(new Date(new Date().setHours(10, 7, 0, 0)))
    await page.route('**/api/v1/events', async (route) => await route.abort())
    stage.api.endEvents()
    const lost = page.getByRole('alert')
    await lost.waitFor()
    expect(await lost.textContent()).toContain('What is shown is from 10:07:00; reconnecting')
  })

  test(
    'a connection that is silent for 40 seconds is taken for dead: the page says so, and connects again',
    { timeout: 60_000 },
    async () => {
      const page = await look()
      await page.getByRole('row', { name: /sh010/ }).waitFor()
      await page.clock.install()
      await waitFor('the events', () => stage.api.viewers > 0)
      const released = Promise.withResolvers<void>()
      let asked = 0
      await page.route('**/api/v1/events', async (route) => {
        asked++
        await released.promise
        await route.continue()
      })
      const lost = page.getByRole('alert')
      const hear = async (name: string): Promise<void> => {
        const [item] = stage.api.world.items
        stage.api.tell('representations', { items: [{ ...item, asset: name }], gone: [] })
        await page.getByRole('row', { name: new RegExp(name) }).waitFor()
      }
      // Each thing that is heard begins the 40 seconds anew.
      for (const name of ['heard1', 'heard2']) {
        await hear(name)
        await page.clock.fastForward(30_000)
      }
      expect([await lost.count(), asked]).toEqual([0, 0])
      await page.clock.fastForward(11_000)
      await lost.waitFor()
      expect(await lost.textContent()).toMatch(/does not answer. What is shown is from \d\d:\d\d:\d\d; reconnecting/)
      await waitFor('the dead connection is closed', () => stage.api.viewers === 0)
      await page.clock.fastForward(500)
      await waitFor('another connection', () => asked === 1)
      released.resolve()
      await lost.waitFor({ state: 'detached' })
      await page.getByRole('row', { name: /sh010/ }).waitFor()
      expect(stage.api.viewers).toBe(1)
    },
  )

  test('an action shows what it touches, asks for the token once, and then does it', async () => {
    const page = await look()
    await page.getByRole('button', { name: /Retry 308… at gdrive: the account/ }).click()
    const dialog = page.getByRole('dialog')
    const go = dialog.getByRole('button', { name: /^Retry/ })
    await dialog.getByText('when the token is given').waitFor()
    expect(await go.isDisabled()).toBe(true)
    await giveToken(page, 'wrong')
    await dialog.getByText('the token is not known').waitFor()
    await giveToken(page)
    await dialog.getByText('308 files of 6 representations will be touched.').waitFor()
    expect(stage.api.done).toEqual([])
    await dialog.getByRole('button', { name: 'Retry: 308 files' }).click()
    await dialog.getByText('Done: 308 files of 6 representations.').waitFor()
    expect(stage.api.done).toEqual([
      {
        action: 'retry',
        body: { selection: { site: 'gdrive', state: 'failed', error: "the account's upload quota of the day is used up" } },
      },
    ])
    await dialog.getByRole('button', { name: 'Close' }).click()

    await page.locator('.name', { hasText: 'sh020' }).click()
    await page.locator('#detail').getByRole('button', { name: 'Reset…' }).click()
    await dialog.getByText(/studio: 1|nas: 1 · gdrive: 1/).waitFor()
    expect(await page.getByLabel('Token', { exact: true }).count()).toBe(0)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(stage.api.done).toHaveLength(1)
  })

  test('a problem offers what helps: a retry, to resume what is paused, or nothing where waiting is the answer', async () => {
    const world = studio(NOW)
    const [first] = world.items
    first?.sites.push(atSite('client', 'failed', 2, { error: 'the folder is gone' }))
    const page = await look('', world)
    const problem = (text: string) => page.locator('.problem', { hasText: text })
    const buttons = async (text: string) => await problem(text).getByRole('button').allTextContents()
    const trimmed = async (text: string) => (await buttons(text)).map((each) => each.trim())
    await problem('is not at the site').waitFor()
    expect(await problem('is not at the site').textContent()).toMatch(
      /^1 filegdrive, nas: .*given up at 2 sites; of 1 representation; mend the cause/,
    )
    expect(await trimmed('is not at the site')).toEqual(['Show', 'Retry 1…'])
    expect(await trimmed('upload quota')).toEqual(['Show', 'Retry 308…'])
    expect(await problem('ECONNREFUSED').textContent()).toMatch(/goes on by itself about \d\d:\d\d:\d\d, no tries are spent/)
    expect(await trimmed('ECONNREFUSED')).toEqual(['Show'])
    expect(await trimmed('the folder is gone')).toEqual(['Show', 'Resume client…'])
    await page.getByRole('button', { name: 'Resume… client: the folder is gone' }).click()
    await giveToken(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click()
    await page.getByText('Done.').waitFor()
    expect(stage.api.done).toEqual([{ action: 'resume', body: { selection: { site: 'client' } } }])
  })

  test('a service that takes no actions has no buttons for them', async () => {
    const page = await look('', { ...studio(NOW), actions: [] })
    await page.locator('.card').nth(4).waitFor()
    await page.locator('.problem').first().waitFor()
    await page.locator('.line', { hasText: 'failed' }).first().locator('button.name').click()
    await page.getByRole('heading', { name: 'What to do' }).first().waitFor()
    const words = await page.getByRole('button').allTextContents()
    expect(words.filter((word) => word.trim().endsWith('…'))).toEqual([])
    expect(words.join()).toContain('Copy command')
    await stage.look('?state=failed', { ...studio(NOW), actions: [] })
    await page.locator('.problem').first().waitFor()
    expect(await page.locator('.bulk').count()).toBe(0)
  })

  test('rows that are ticked, and a whole site', async () => {
    const page = await look()
    await page.getByRole('checkbox', { name: /hero/ }).check()
    await page.getByRole('checkbox', { name: /sh030/ }).check()
    await page.getByRole('button', { name: 'Priority…' }).click()
    await giveToken(page)
    await page.getByLabel('Priority, 1 to 1000').fill('90')
    await page.getByRole('button', { name: /^Priority: / }).click()
    await page.getByText(/^Done:/).waitFor()
    const chosen = stage.api.world.items.filter(({ asset }) => asset === 'hero' || asset === 'sh030')
    expect(stage.api.done.map(({ body }) => body)).toEqual(
      chosen.map(({ id }) => ({ selection: { project: 'dune_ads', representation: id }, priority: 90 })),
    )
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('button', { name: 'Deselect' }).click()
    await page.getByRole('button', { name: 'Pause… nas' }).click()
    await page.getByLabel('Why').fill('disks are changed')
    await page.getByText('No document is changed by this.').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByText('Done.').waitFor()
    expect(stage.api.done.at(-1)).toEqual({ action: 'pause', body: { selection: { site: 'nas' }, why: 'disks are changed' } })
  })

  test('where reads take a token, the page says how to get one, and goes on with it', async () => {
    const page = await look('', { ...studio(NOW), isPrivate: true })
    await page.getByText('site-sync token create NAME --scope read', { exact: true }).waitFor()
    await giveToken(page)
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await page.locator('.card').first().waitFor()
    expect(await page.getByText('A token is needed').count()).toBe(0)
  })

  test('where a token is needed while rows are shown, as after it was revoked, the page asks for one, and goes on with it', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await stage.api.stop()
    stage.api.world.isPrivate = true
    await stage.api.start()
    await page.getByRole('heading', { name: 'A token is needed' }).waitFor()
    expect(await page.getByRole('alert').textContent()).toMatch(/What is shown is from \d\d:\d\d:\d\d/)
    await giveToken(page)
    await page.getByText(/live/).first().waitFor()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    expect(await page.getByText('A token is needed').count()).toBe(0)
  })

  test('whoever was refused too often is asked for a token as well, and the page does not ask on and on', async () => {
    const page = await look('', { ...studio(NOW), isPrivate: true })
    await page.getByRole('heading', { name: 'A token is needed' }).waitFor()
    await page.clock.install()
    let asked = 0
    await page.route('**/api/v1/**', async (route) => {
      asked++
      const body = JSON.stringify({ status: 429, detail: 'too many requests' })
      await route.fulfill({ status: 429, contentType: 'application/problem+json', body })
    })
    await page.reload()
    await page.getByRole('heading', { name: 'A token is needed' }).waitFor()
    await page.clock.fastForward(5_000)
    const before = asked
    await page.clock.fastForward(50_000)
    expect(asked).toBe(before)
    await page.unrouteAll({ behavior: 'wait' })
    await giveToken(page)
    await page.getByRole('row', { name: /sh010/ }).waitFor()
  })

  test('the history asks for a token as well, and shows what could not be read before', async () => {
    const page = await look('?view=history', { ...studio(NOW), isPrivate: true })
    await giveToken(page)
    await page.getByRole('cell', { name: 'anna' }).first().waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('nothing to show: no sites, nothing published, nothing that waits, nothing that matches', async () => {
    const world = studio(NOW)
    const page = await look('', { ...world, items: [], projects: [], running: [], status: { ...world.status, sites: [] } })
    await page.getByRole('heading', { name: 'No sites yet' }).waitFor()
    stage.api.world.status = world.status
    await page.reload()
    await page.getByRole('heading', { name: 'Nothing was published yet' }).waitFor()
    await page.getByRole('button', { name: /^Waiting/ }).click()
    await page.getByRole('heading', { name: 'Everything is where it should be' }).waitFor()
    await page.getByRole('searchbox').fill('nowhere')
    await page.getByRole('heading', { name: 'Nothing is like that' }).waitFor()
    await page.getByRole('button', { name: 'Show all' }).click()
    await waitFor('the address of everything', () => new URL(page.url()).search === '')
    expect(await page.getByRole('searchbox').inputValue()).toBe('')
  })
})

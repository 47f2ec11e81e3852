import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'

import { HAS_BROWSER } from '../support/browser.ts'
import { atSite, idAt, manyItems } from '../support/fake-items.ts'
import { studio } from '../support/fake-studio.ts'
import { usePageStage, type PageStage } from '../support/page-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const NOW = Date.now()
const nodes = async (page: Page) => await page.evaluate<number>('document.querySelectorAll("*").length')
const rowNames = async (page: Page) => await page.locator('.queue > .rows > .row b').allTextContents()

let stage: PageStage

const look = async (query = '', world = studio(NOW), options = {}): Promise<Page> => await stage.look(query, world, options)

describe.skipIf(!HAS_BROWSER)('the queue', () => {
  usePageStage((opened) => (stage = opened))

  test('a row says for each site how it is: in a word, a shape and a colour', async () => {
    const page = await look()
    const row = page.getByRole('row', { name: /sh010/ })
    await row.waitFor()
    expect(await row.getByRole('cell').allTextContents()).toEqual([
      expect.stringContaining('sh010'),
      '124',
      '9.2 GB',
      expect.stringContaining('synced'),
      expect.stringContaining('synced'),
      expect.stringContaining('50%'),
      expect.stringContaining('waiting'),
      expect.stringContaining('paused'),
      expect.stringMatching(/^\d\d:\d\d:\d\d$|\d\d:\d\d$/),
    ])
    const failed = page.getByRole('row', { name: /sh020/ }).locator('.state.bad').first()
    expect(await failed.textContent()).toContain('gave up')
    expect(await failed.locator('svg path').getAttribute('d')).not.toBe(await row.locator('.state.calm svg path').getAttribute('d'))
    expect(await page.getByRole('row', { name: /sh030/ }).locator('progress').first().getAttribute('value')).toBe('640')
  })

  test('names of documents are text, whatever they are', async () => {
    const world = studio(NOW)
    const evil = '<img src=x onerror="document.title=1"><b>'
    world.items.push({ ...world.items[0]!, id: idAt(4_000_000_000, 1), asset: evil, subset: '</div><script>1</script>', name: '&lt;' })
    const page = await look('', world)
    await page.getByText(evil.slice(-14)).first().waitFor()
    expect([await page.title(), await page.locator('.rows img, .rows script').count()]).toEqual(['Site Sync', 0])
  })

  test('however narrow it is, a row tells its version and the ends of its names', async () => {
    const [item] = manyItems(1)
    const items = [11, 12].map((version) => ({
      ...item!,
      id: idAt(version, 1),
      asset: 'characterHeroMain',
      subset: 'renderCompositingMain',
      version,
    }))
    const page = await look('', { ...studio(NOW), items })
    await page.locator('.queue .row').nth(1).waitFor()
    for (const width of [390, 760, 1_500]) {
      await page.setViewportSize({ width, height: 900 })
      const outside = await page.locator('.queue .name').evaluateAll((names) =>
        names.flatMap((name) => {
          const right = name.getBoundingClientRect().right
          const parts = [...name.querySelectorAll('.of > *, .middle > :last-child')]
          return parts.filter((part) => part.getBoundingClientRect().right > right + 1).map((part) => part.textContent)
        }),
      )
      expect([width, outside]).toEqual([width, []])
      expect(await page.locator('.queue .of').allTextContents()).toEqual(['v012exr', 'v011exr'])
    }
  })

  test('no character of a name is cut where it is shortened', async () => {
    const [item] = manyItems(1)
    const names = [`film${'\u{1F600}'.repeat(10)}x`, `${'e\u0301'.repeat(12)}x`, `${'\u{1F469}\u200D\u{1F680}'.repeat(6)}x`]
    const items = names.map((asset, n) => ({ ...item!, id: idAt(1, n), asset }))
    const page = await look('', { ...studio(NOW), items })
    await page.locator('.queue .row').nth(2).waitFor()
    const parts = await page.locator('.queue b .middle > :last-child').allTextContents()
    expect(parts.filter((text) => !text.isWellFormed() || /^[\p{M}\u200D]/u.test(text))).toEqual([])
    expect(parts.map((text) => [...new Intl.Segmenter().segment(text)].length)).toEqual(expect.arrayContaining([8]))
  })

  test('times are those of who looks, whatever his language', async () => {
    const page = await look('', studio(NOW - 40 * 86_400_000), { locale: 'fr-CA' })
    await page.locator('.queue .row').first().waitFor()
    const times = await page.locator('.queue .row > :last-child').allTextContents()
    expect(times.length).toBeGreaterThan(0)
    for (const text of times) expect(text).toMatch(/\d{1,2} [a-zé.]+, \d\d h \d\d$/)
  })

  test('filters, search and order are in the address, and come back from it', async () => {
    const page = await look()
    await page.getByRole('button', { name: /^Given up/ }).click()
    await waitFor('one row', async () => (await rowNames(page)).join() === 'sh020', { seen: async () => await rowNames(page) })
    expect(new URL(page.url()).search).toBe('?state=exhausted')
    await page.goBack()
    await waitFor('all rows', async () => (await rowNames(page)).length > 5)
    await page.keyboard.press('/')
    await page.keyboard.type('hero')
    await waitFor('what was searched for', async () => (await rowNames(page)).join() === 'hero')
    await waitFor('its address', () => new URL(page.url()).searchParams.get('q') === 'hero')
    await page.reload()
    await waitFor('the same after a reload', async () => (await rowNames(page)).join() === 'hero')
    expect(await page.getByRole('searchbox').inputValue()).toBe('hero')
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('combobox', { name: 'Order' }).selectOption('asset')
    await waitFor('the other order', async () => (await rowNames(page))[0] === 'hero')
    expect(await page.getByRole('button', { name: /^Waiting/ }).textContent()).toContain('2,387')
    await page.getByRole('combobox', { name: 'Site' }).selectOption('gdrive')
    await waitFor('counts of the site', async () => (await page.getByRole('button', { name: /^Waiting/ }).textContent())?.includes('1,204'))
  })

  test('how much there is of everything, of what is being sent, and of what is whole', async () => {
    const page = await look()
    const chip = (name: RegExp) => page.getByRole('group', { name: 'State' }).getByRole('button', { name })
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    expect(await chip(/^All/).textContent()).toBe('All18,204')
    expect(await chip(/^Synced/).textContent()).toBe('Synced16,390')
    expect(await chip(/^Syncing/).textContent()).toBe('Syncing1')
    await chip(/^Syncing/).click()
    await waitFor('what is being sent', async () => (await rowNames(page)).join() === 'sh010')
    expect(await page.getByRole('region', { name: 'Actions' }).count()).toBe(0)
    await chip(/^Synced/).click()
    await waitFor('what is whole', async () => {
      const names = await rowNames(page)
      return names.length > 5 && !names.includes('sh010') && !names.includes('sh020')
    })
    stage.api.tell('projects', {
      projects: [],
      totals: [{ project: 'dune_ads', representations: 1_038_211, whole: 990_400, estimated: true }],
    })
    await waitFor('an estimate', async () => (await chip(/^All/).textContent()) === 'All≈ 1,000,000')
    await page.getByRole('combobox', { name: 'Site' }).selectOption('nas')
    await waitFor('no number that is not known', async () => (await chip(/^All/).textContent()) === 'All')
  })

  test('100,000 rows: fewer than 3,000 nodes wherever one is', { timeout: 120_000 }, async () => {
    const page = await look('?sort=id', { ...studio(NOW), items: manyItems(100_000), pageSize: 100_000 })
    page.setDefaultTimeout(60_000)
    await page.locator('[data-at="0"]').focus()
    await page.keyboard.press('End')
    await page.locator('[data-at="99999"]:focus').waitFor()
    expect(await nodes(page)).toBeLessThan(3_000)
    const distances =
      '[...document.querySelectorAll(".queue .row")].map((row) => Math.abs(row.getBoundingClientRect().top - innerHeight / 2))'
    for (const share of [0, 0.3, 0.7]) {
      await page.evaluate(`scrollTo(0, document.body.scrollHeight * ${share})`)
      await waitFor('rows where one looks', async () => (await page.evaluate<number>(`Math.min(...${distances})`)) < 600)
      expect(await nodes(page)).toBeLessThan(3_000)
    }
  })

  test('pages are asked for one after the other until the end, each row once', { timeout: 60_000 }, async () => {
    const page = await look('?sort=id', { ...studio(NOW), items: manyItems(900) })
    await page.locator('[data-at="0"]').focus()
    await waitFor('the last row', async () => {
      await page.keyboard.press('End')
      return (await page.locator('[data-at="899"]:focus').count()) > 0
    })
    expect(await page.getByRole('table', { name: 'Queue' }).getAttribute('aria-rowcount')).toBe('901')
    expect(await page.locator('.queue > .rows > .row').last().locator('b').textContent()).toBe('sh000899')
  })

  test('from row to row by keys; Tab leaves the list; what has the focus keeps it when it is scrolled away', async () => {
    const page = await look('?sort=id', { ...studio(NOW), items: manyItems(300) })
    await page.locator('[data-at="0"]').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('PageDown')
    const at = Number(await page.locator('.name:focus').getAttribute('data-at'))
    expect(at).toBeGreaterThan(5)
    await page.keyboard.press('Enter')
    await page.locator('#detail').waitFor()
    await page.evaluate('scrollTo(0, 1e6)')
    await page.locator(`[data-at="${at}"]:focus`).waitFor()
    await page.keyboard.press('Home')
    await page.locator('[data-at="0"]:focus').waitFor()
    expect(await page.locator('.queue > .rows > .row [tabindex="0"]').count()).toBe(2)
  })

  test('an opened row: each file, why not, what to do, the command; its address leads there', async () => {
    const page = await look()
    await page.locator('.name', { hasText: 'sh020' }).click()
    const detail = page.locator('#detail')
    await detail.getByRole('heading', { name: 'Why is it not at nas?' }).waitFor()
    expect(await detail.getByText('is not at the site "studio"').first().textContent()).toContain('/mnt/work/dune_ads/sh020')
    expect(await detail.locator('pre').first().textContent()).toMatch(/^site-sync retry --project=dune_ads --site=nas -- [0-9a-f]{24}$/)
    expect(await detail.getByRole('table').getByRole('row').count()).toBe(2)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await detail.getByRole('button', { name: 'Copy command' }).first().click()
    await detail.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(await detail.locator('pre').first().textContent())
    await page.reload()
    await page.locator('#detail').getByRole('heading', { name: 'Why is it not at nas?' }).waitFor()
  })

  test('a sequence of 1,000 frames opens with as many nodes as are seen', async () => {
    const page = await look('?q=sh030')
    await page.locator('.name', { hasText: 'sh030' }).click()
    await page.locator('.files .row').first().waitFor()
    expect(await page.locator('.files [role=table]').getAttribute('aria-rowcount')).toBe('1001')
    expect(await nodes(page)).toBeLessThan(3_000)
    await page.evaluate('document.querySelector(".files").scrollTo(0, 1e6)')
    await page.locator('.files').getByText('2000.jpg').waitFor()
  })

  test('on a phone rows show their sites below the name, nothing is wider than the screen, targets are large', async () => {
    const page = await look('', studio(NOW), { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
    expect(await page.locator('.queue > .rows > .row').first().locator('.at').first().isVisible()).toBe(true)
    // The first rows are seen without scrolling, though something is wrong at several sites.
    const box = await page.locator('.queue > .rows > .row').nth(1).boundingBox()
    expect(Number(box?.y) + Number(box?.height)).toBeLessThan(844)
    const problems = page.getByRole('button', { name: /3 problems · 310 files/ })
    expect(await page.getByRole('button', { name: /^Retry 308/ }).isVisible()).toBe(false)
    await problems.click()
    await page.getByRole('button', { name: /^Retry 308/ }).waitFor()
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
    const targets = 'button:not(.given-up), select, input[type=search], nav a'
    const heights = await page.evaluate<number[]>(
      `[...document.querySelectorAll('${targets}')].map((one) => one.getBoundingClientRect().height)`,
    )
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(44)
  })

  test('a site that appears later gets a column', async () => {
    const page = await look()
    await page.getByRole('row', { name: /sh010/ }).waitFor()
    await waitFor('the events', () => stage.api.viewers > 0)
    const [item] = stage.api.world.items
    stage.api.tell('representations', {
      items: [{ ...item, sites: [...(item?.sites ?? []), atSite('archive', 'pending', 124)] }],
      gone: [],
    })
    await page.getByRole('columnheader', { name: 'archive' }).waitFor()
    expect(await page.getByRole('columnheader').allTextContents()).toContain('archive')
  })
})

import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'

import { HAS_BROWSER } from '../support/browser.ts'
import { manyItems } from '../support/fake-items.ts'
import { studio } from '../support/fake-studio.ts'
import { usePageStage, type PageStage } from '../support/page-stage.ts'
import { waitFor } from '../support/wait-for.ts'

const NOW = Date.now()

let stage: PageStage

const look = async (query = '', world = studio(NOW)): Promise<Page> => await stage.look(query, world)

describe.skipIf(!HAS_BROWSER)('scrolling the queue', () => {
  usePageStage((opened) => (stage = opened))

  test('a scroll by a row draws the rows that come into view, and touches no other', async () => {
    const page = await look('?sort=id', { ...studio(NOW), items: manyItems(600), running: [] })
    await page.locator('[data-at="0"]').focus()
    await page.evaluate(`{
      scrollTo(0, 6000)
      window.touched = []
    }`)
    await page.locator('[data-at="110"]').waitFor()
    await page.evaluate(`new MutationObserver((records) => {
      for (const { type, target, addedNodes } of records) touched.push(type === 'childList' && target.className === 'rows' ? addedNodes.length : type + ' ' + target.className)
    }).observe(document.querySelector('.rows'), { subtree: true, childList: true, attributes: true, characterData: true })`)
    const last = async () =>
      await page.evaluate<number>('Math.max(...[...document.querySelectorAll(".name")].map((name) => Number(name.dataset.at)))')
    const from = await last()
    await page.evaluate('scrollBy(0, 56 * 5)')
    await waitFor('five more rows', async () => (await last()) >= from + 5)
    const touched = await page.evaluate<(number | string)[]>('touched')
    expect(touched.filter((each) => typeof each === 'string')).toEqual([])
    expect((touched as number[]).reduce((sum, each) => sum + each, 0)).toBe((await last()) - from)
  })

  test('scrolled too fast to read, it shows names alone; whole rows come when it slows down', async () => {
    const page = await look('?sort=id', { ...studio(NOW), items: manyItems(20_000), pageSize: 20_000, running: [] })
    await page.locator('[data-at="0"]').focus()
    const names = await page.evaluate<{ text: string; top: number; rows: number }>(`new Promise((resolve) => {
      let y = 0, last
      const step = (now) => {
        const [names] = document.querySelectorAll('.skimmed')
        const rows = document.querySelectorAll('.queue > .rows > .row').length
        const top = names?.getBoundingClientRect().top ?? innerHeight
        if (names && y > 20000 && top < 200) return resolve({ text: names.textContent, top, rows })
        // 11 pixels a millisecond, however seldom frames are drawn.
        scrollTo(0, (y += (now - (last ?? now)) * 11))
        last = now
        requestAnimationFrame(step)
      }
      requestAnimationFrame(step)
    })`)
    // The one that has the focus stays.
    expect(names.rows).toBe(1)
    const lines = names.text.split('\n')
    expect(lines.length).toBeGreaterThan(15)
    expect(lines[0]).toMatch(/^sh\d{6} renderMain v\d{3} exr$/)
    const first = Number(lines[0]!.slice(2, 8))
    expect(lines.slice(0, 15).map((line) => Number(line.slice(2, 8)))).toEqual(Array.from({ length: 15 }, (_, n) => first + n))
    // Each name stands where its row will be.
    await page.locator('.skimmed').first().waitFor({ state: 'detached' })
    const list = await page.evaluate<number>('document.querySelector(".rows").getBoundingClientRect().top')
    const row = page.locator('.queue > .rows > .row').nth(8)
    const box = await row.boundingBox()
    expect(await row.locator('b').textContent()).toBe(`sh${String(Math.round((Number(box?.y) - list) / 56)).padStart(6, '0')}`)
    expect(await page.locator('.queue > .rows > .row').count()).toBeGreaterThan(15)
  })

  test('scrolled too fast to read, the names that stay in view are left as they are, and no more elements come than fit on the screen', async () => {
    const page = await look('?sort=id', { ...studio(NOW), items: manyItems(20_000), pageSize: 20_000, running: [] })
    await page.locator('[data-at="0"]').focus()
    const { redrawn, drawn, most } = await page.evaluate<{ redrawn: number; drawn: number; most: number }>(`new Promise((resolve) => {
      let y = 0, last, redrawn = 0, drawn = 0, most = 0
      const before = new Map()
      const step = (now) => {
        const blocks = [...document.querySelectorAll('.skimmed')]
        most = Math.max(most, blocks.length)
        for (const block of blocks) {
          const was = before.get(block)
          if (was?.text === block.textContent && was.place === block.style.top) continue
          drawn++
          // A block that comes into view may be new, or another one that was out of view.
          if (was?.isSeen) redrawn++
        }
        before.clear()
        if (y > 20000) return resolve({ redrawn, drawn, most })
        const by = (now - (last ?? now)) * 6
        scrollTo(0, (y += by))
        last = now
        for (const block of blocks) {
          // As it is seen after this scroll, before the page has drawn anything for it.
          const { top, bottom } = block.getBoundingClientRect()
          before.set(block, { text: block.textContent, place: block.style.top, isSeen: bottom > 0 && top < innerHeight })
        }
        requestAnimationFrame(step)
      }
      requestAnimationFrame(step)
    })`)
    expect(drawn).toBeGreaterThan(8)
    expect(redrawn).toBe(0)
    expect(most).toBeLessThanOrEqual(4)
  })
})

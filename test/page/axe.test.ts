import AxeSource from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'

import { HAS_BROWSER } from '../support/browser.ts'
import { studio } from '../support/fake-studio.ts'
import { usePageStage, type PageStage } from '../support/page-stage.ts'

const NOW = Date.now()
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const WIDE = { viewport: { width: 1_500, height: 1_000 } }
let stage: PageStage

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly impact: string; readonly nodes: readonly { readonly html: string }[] }[]
}

/** What axe-core calls serious or critical. */
async function serious(page: Page): Promise<readonly string[]> {
  // The policy of the page lets no foreign script in; the debugger's door is not subject to it.
  await page.evaluate(AxeSource.source)
  const { violations } = await page.evaluate<AxeResult>('axe.run(document, { resultTypes: ["violations"] })')
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
}

const SCREENS = [
  ['wide', 'light', WIDE],
  ['wide', 'dark', WIDE],
  ['phone', 'light', PHONE],
  ['phone', 'dark', PHONE],
] as const

describe.skipIf(!HAS_BROWSER)('axe-core finds nothing serious', () => {
  usePageStage((opened) => (stage = opened))

  test.each(SCREENS)('%s, %s: the queue, an opened row, a preview, the history', { timeout: 90_000 }, async (size, colorScheme, screen) => {
    const page = await stage.look('', studio(NOW), { colorScheme, ...screen })
    await page.locator('.problems').waitFor({ state: 'attached' })
    if (size === 'phone') await page.getByRole('button', { name: /3 problems/ }).click()
    await page.locator('.name', { hasText: 'sh020' }).click()
    await page.locator('#detail h3').first().waitFor()
    expect(await serious(page)).toEqual([])
    await page.locator('#detail').getByRole('button', { name: 'Priority…' }).click()
    await page.getByRole('dialog').waitFor()
    expect(await serious(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByRole('heading', { name: 'Who did what' }).waitFor()
    await page.getByRole('cell', { name: 'mira' }).waitFor()
    expect(await serious(page)).toEqual([])
  })

  test.each(SCREENS)(
    '%s, %s: nothing to show, a token that is needed, a service that is lost',
    { timeout: 90_000 },
    async (_size, colorScheme, screen) => {
      const page = await stage.look('?state=pending', { ...studio(NOW), items: [], isPrivate: false }, { colorScheme, ...screen })
      await page.getByRole('heading', { name: 'Everything is where it should be' }).waitFor()
      expect(await serious(page)).toEqual([])
      stage.api.world.status = { ...stage.api.world.status, sites: [] }
      await page.reload()
      await page.getByRole('heading', { name: 'No sites yet' }).waitFor()
      expect(await serious(page)).toEqual([])
      stage.api.world = { ...studio(NOW), isPrivate: true }
      await page.reload()
      await page.getByRole('heading', { name: 'A token is needed' }).waitFor()
      expect(await serious(page)).toEqual([])
      stage.api.world.isPrivate = false
      await page.goto(stage.api.address)
      await page.getByRole('row', { name: /sh010/ }).waitFor()
      await stage.api.stop()
      await page.getByRole('alert').waitFor()
      expect(await serious(page)).toEqual([])
    },
  )
})

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import type { BrowserContextOptions } from 'playwright-core'

import { openBrowser, openPage } from '../support/browser.ts'
import { FakeApi } from '../support/fake-api.ts'
import { studio } from '../support/fake-studio.ts'

// Makes the pictures of the page in `docs`, of the same invented studio as its tests.

const FOLDER = join(import.meta.dirname, '../../docs/images')
/** Reports of progress, for a speed to be seen. */
const REPORTS = 12
const EVERY_MS = 250

interface Picture extends BrowserContextOptions {
  readonly name: string
  /** The row that is opened. */
  readonly open?: string
}

const WIDE = { viewport: { width: 1_500, height: 1_080 } }
const PICTURES: readonly Picture[] = [
  { name: 'page-light', colorScheme: 'light', ...WIDE },
  { name: 'page-dark', colorScheme: 'dark', ...WIDE },
  { name: 'page-row', colorScheme: 'light', viewport: { width: 1_500, height: 1_400 }, open: 'sh020' },
  { name: 'page-phone', colorScheme: 'light', viewport: { width: 390, height: 900 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
]

await mkdir(FOLDER, { recursive: true })
const browser = await openBrowser()
for (const { name, open, ...options } of PICTURES) {
  await using api = new FakeApi(studio(Date.now()))
  await api.start()
  const { page } = await openPage(browser, api.address, options)
  await page.locator('.queue .row').first().waitFor()
  await page.locator('.problems').waitFor({ state: 'attached' })
  const [moving] = api.world.running as { bytes: number }[]
  for (let n = 0; n < REPORTS; n++) {
    api.tell('running', { running: [{ ...moving, bytes: 30e6 + n * 3.4e6 }], ended: [] })
    await page.waitForTimeout(EVERY_MS)
  }
  if (open !== undefined) {
    await page.locator('.name', { hasText: open }).click()
    await page.locator('#detail h3').first().waitFor()
    await page.mouse.move(0, 0)
    await page.evaluate('document.activeElement.blur()')
  }
  await page.screenshot({ path: join(FOLDER, `${name}.png`) })
  await page.context().close()
}
await browser.close()

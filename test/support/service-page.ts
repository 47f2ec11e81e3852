import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'

import { openBrowser, openPage, type Watched } from './browser.ts'
import type { Running } from './service-harness.ts'

export interface ServicePage {
  /** Is stopped after the test, when its page is left. */
  running?: Running
  look(address: string, options?: BrowserContextOptions): Promise<Watched>
}

/** One browser for all tests of a `describe` that look at the page of a service; each of them leaves its page. */
export function useServicePage(): ServicePage {
  let browser: Browser
  let page: Page | undefined
  const open: ServicePage = {
    async look(address, options) {
      const watched = await openPage(browser, address, options)
      page = watched.page
      return watched
    },
  }
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterEach(async () => {
    await page?.context().close()
    await open.running?.stop()
  })
  afterAll(async () => {
    await browser.close()
  })
  return open
}

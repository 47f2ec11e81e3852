import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

import { afterAll, afterEach, beforeAll } from 'vitest'

import { openBrowser, openPage, type Watched } from './browser.ts'
import { FakeApi, type FakeWorld } from './fake-api.ts'

/** A browser with one tab at a time, on a fake API. */
export class PageStage {
  readonly #browser: Browser
  #api: FakeApi | undefined
  #watched: Watched | undefined

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async open(): Promise<PageStage> {
    return new PageStage(await openBrowser())
  }

  get api(): FakeApi {
    if (!this.#api) throw new Error('nothing is looked at yet')
    return this.#api
  }

  async look(query: string, world: FakeWorld, options: BrowserContextOptions = {}): Promise<Page> {
    this.#api = new FakeApi(world)
    await this.#api.start()
    this.#watched = await openPage(this.#browser, `${this.#api.address}${query}`, options)
    return this.#watched.page
  }

  /** Throws when a script failed, the policy refused something, or the API was asked for what is no part of it. */
  async leave(): Promise<void> {
    await this.#watched?.page.context().close()
    await this.#api?.stop()
    const faults = [...(this.#watched?.faults ?? []), ...(this.#api?.refused ?? [])]
    if (faults.length > 0) throw new Error(`faults of the page:\n${faults.join('\n')}`)
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }
}

/** One browser for all tests of a `describe`; each of them leaves its page. */
export function usePageStage(opened: (stage: PageStage) => void): void {
  let stage: PageStage
  beforeAll(async () => {
    stage = await PageStage.open()
    opened(stage)
  })
  afterEach(async () => {
    await stage.leave()
  })
  afterAll(async () => {
    await stage.close()
  })
}

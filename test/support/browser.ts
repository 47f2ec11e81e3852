import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

/** Debian's package is `chromium`; `.ci/run` installs it where it may. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

const program = process.env['SITE_SYNC_TEST_CHROMIUM'] ?? onPath()

/** Is a browser on this machine? Where all tests are to run, it has to be. */
export const HAS_BROWSER = isThere()

function onPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function isThere(): boolean {
  if (program !== undefined) return true
  const how = 'apt-get install chromium, or SITE_SYNC_TEST_CHROMIUM=PATH'
  if (process.env['CI'] !== undefined) throw new Error(`no browser is there: ${how}`)
  console.warn(`left out: tests in a browser, which is not there (${how})`)
  return false
}

/** Its sandbox needs rights that root and containers do not have; what is shown comes from these tests. */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: String(program), args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

export interface Watched {
  readonly page: Page
  /** Faults of scripts, and what the content security policy refused. */
  readonly faults: readonly string[]
}

/** A tab of its own, whose faults are kept. A request that fails because the service is gone is none. */
export async function openPage(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1_500, height: 1_000 }, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.stack ?? error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
  await page.goto(address)
  return { page, faults }
}

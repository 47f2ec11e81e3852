import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

import { hasTool } from './tool-check.ts'

/** Debian's package is `chromium`; `.ci/run` installs it where it may. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

const program = process.env['SITE_SYNC_TEST_CHROMIUM'] ?? onPath()

/** Is a browser on this machine? */
export const HAS_BROWSER = hasTool('chromium', () => program !== undefined, 'apt-get install chromium, or SITE_SYNC_TEST_CHROMIUM=PATH')

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

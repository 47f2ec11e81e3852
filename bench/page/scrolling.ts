import type { Page } from 'playwright-core'

import { openBrowser, openPage } from '../../test/support/browser.ts'
import { FakeApi } from '../../test/support/fake-api.ts'
import { manyItems } from '../../test/support/fake-items.ts'
import { studio } from '../../test/support/fake-studio.ts'
import { quantile } from '../support/statistics.ts'

const SECONDS = 5
const ROW = 56
/** Rows a second: by the wheel, as fast as rows are drawn whole, by a flick, and as fast as a bar is drawn. */
const SPEEDS = [20, 60, 200, 2_000] as const

export interface ScrollTime {
  readonly of: string
  readonly rowsPerSecond: number
  readonly framesPerSecond: number
  readonly median: number
  readonly late: number
  /** Milliseconds of a processor that the page's main thread takes for a frame: other work on the machine does not count. */
  readonly work: number
  readonly nodes: number
}

/** The times between frames while a list of 100,000 rows is scrolled, in Chromium; beside it, what this machine can do at all. */
export async function measureScrolling(rows: number): Promise<readonly ScrollTime[]> {
  await using api = new FakeApi({ ...studio(Date.now()), items: manyItems(rows), pageSize: rows })
  await api.start()
  const browser = await openBrowser()
  try {
    const { page } = await openPage(browser, `${api.address}?sort=id`)
    page.setDefaultTimeout(120_000)
    await page.locator('.queue .row').first().waitFor()
    const empty = await plainPage(page, `<div style="height: ${rows * ROW}px">nothing</div>`)
    const plain = await plainPage(page, plainRows(rows))
    const pages = [
      ['the page', page],
      ['nothing to draw', empty],
      ['plain rows', plain],
    ] as const
    const found: ScrollTime[] = []
    for (const rowsPerSecond of SPEEDS)
      for (const [of, each] of pages) {
        await each.bringToFront()
        found.push({ of, rowsPerSecond, ...(await scrolled(each, rowsPerSecond)) })
      }
    return found
  } finally {
    await browser.close()
  }
}

async function scrolled(page: Page, rowsPerSecond: number): Promise<Omit<ScrollTime, 'of' | 'rowsPerSecond'>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const worked = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1_000
  }
  const before = await worked()
  const deltas = await page.evaluate<number[]>(`new Promise((resolve) => {
    scrollTo(0, 0)
    const deltas = []
    let last, began
    const step = (now) => {
      if (last !== undefined) deltas.push(now - last)
      began ??= now
      last = now
      if (now - began > ${SECONDS * 1_000}) return resolve(deltas)
      scrollTo(0, ((now - began) / 1000) * ${rowsPerSecond * ROW})
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })`)
  const work = ((await worked()) - before) / deltas.length
  await session.detach()
  const sum = deltas.reduce((total, each) => total + each, 0)
  return {
    framesPerSecond: (deltas.length * 1_000) / sum,
    median: quantile(deltas, 0.5),
    late: quantile(deltas, 0.99),
    work,
    nodes: await page.evaluate<number>('document.querySelectorAll("*").length'),
  }
}

async function plainPage(beside: Page, body: string): Promise<Page> {
  const page = await beside.context().newPage()
  page.setDefaultTimeout(120_000)
  await page.setContent(
    `<!doctype html><style>p { height: ${ROW}px; margin: 0; border-bottom: 1px solid #ddd; box-sizing: border-box }</style>${body}`,
  )
  return page
}

/** Static HTML, one element a row with the texts of a row. */
const plainRows = (rows: number): string =>
  Array.from({ length: rows }, (_, n) => `<p>sh${String(n).padStart(6, '0')} renderMain v001 exr dune_ads 120 5.8 GB synced waiting`).join(
    '',
  )

import { openBrowser, openPage } from '../../test/support/browser.ts'
import { FakeApi } from '../../test/support/fake-api.ts'
import { manyItems } from '../../test/support/fake-items.ts'
import { studio } from '../../test/support/fake-studio.ts'
import { quantile } from '../support/statistics.ts'

const SECONDS = 5
/** Rows a second, at 56 pixels each: by the wheel, and as fast as a bar is drawn. */
const SPEEDS = [20, 200, 2_000] as const

export interface ScrollTime {
  readonly rowsPerSecond: number
  readonly framesPerSecond: number
  readonly median: number
  readonly late: number
  readonly nodes: number
}

/** The times between frames while a list of 100,000 rows is scrolled, in Chromium. */
export async function measureScrolling(rows: number): Promise<readonly ScrollTime[]> {
  await using api = new FakeApi({ ...studio(Date.now()), items: manyItems(rows), pageSize: rows })
  await api.start()
  const browser = await openBrowser()
  try {
    const { page } = await openPage(browser, `${api.address}?sort=id`)
    page.setDefaultTimeout(120_000)
    await page.locator('.queue .row').first().waitFor()
    const found: ScrollTime[] = []
    for (const rowsPerSecond of SPEEDS) {
      const deltas = await page.evaluate<number[]>(`new Promise((resolve) => {
        scrollTo(0, 0)
        const deltas = []
        let last, began
        const step = (now) => {
          if (last !== undefined) deltas.push(now - last)
          began ??= now
          last = now
          if (now - began > ${SECONDS * 1_000}) return resolve(deltas)
          scrollTo(0, ((now - began) / 1000) * ${rowsPerSecond * 56})
          requestAnimationFrame(step)
        }
        requestAnimationFrame(step)
      })`)
      const sum = deltas.reduce((total, each) => total + each, 0)
      const nodes = await page.evaluate<number>('document.querySelectorAll("*").length')
      found.push({
        rowsPerSecond,
        framesPerSecond: (deltas.length * 1_000) / sum,
        median: quantile(deltas, 0.5),
        late: quantile(deltas, 0.99),
        nodes,
      })
    }
    return found
  } finally {
    await browser.close()
  }
}

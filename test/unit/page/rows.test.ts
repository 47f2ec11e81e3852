import { expect, test } from 'vitest'

// @ts-expect-error The page is written in JavaScript.
import { rowAt, rowsBetween, topOf, totalHeight } from '../../../src/http/page/rows.js'

test.each([undefined, 0, 41_000, 99_999])('100,000 rows, of which row %s is open: what is seen is drawn, and little else', (openAt) => {
  const layout = { height: 56, openAt, openHeight: 700 }
  const count = 100_000
  const total = totalHeight(layout, count) as number
  for (let top = -400; top < total; top += 99_001) {
    const { first, last } = rowsBetween(layout, { top, bottom: top + 1_000 }, count)
    expect(topOf(layout, first)).toBeLessThanOrEqual(Math.max(0, top))
    expect(topOf(layout, last + 1)).toBeGreaterThanOrEqual(Math.min(top + 1_000, total - (openAt === count - 1 ? 700 : 0)))
    expect(last - first).toBeLessThan(40)
  }
  for (const n of [0, 1, 40_999, 41_000, 41_001, 99_999]) expect(rowAt(layout, topOf(layout, n) + 1)).toBe(n)
})

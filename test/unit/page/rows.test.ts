import { expect, test } from 'vitest'

// @ts-expect-error The page is written in JavaScript.
import { blocksBetween, blocksOf, rowAt, rowsBetween, topOf, totalHeight } from '../../../src/http/page/rows.js'

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

test.each([undefined, 0, 15, 16, 40_007, 99_999])(
  'blocks of names, with row %s open: each row once, each block as long as it is seen, in a slot of its own',
  (openAt) => {
    const layout = { height: 56, openAt, openHeight: 700 }
    const count = 100_000
    interface Block {
      readonly slot: number
      readonly from: number
      readonly to: number
    }
    let before = new Map<string, number>()
    for (const start of [0, 2_240_000, 5_595_000])
      for (let top = start; top < start + 4_000; top += 190) {
        const seen = { top, bottom: top + 1_000 }
        const near = rowsBetween(layout, seen, count) as { readonly first: number; readonly last: number }
        const blocks = blocksOf(layout, blocksBetween(layout, seen, count), count) as readonly Block[]
        const rows = blocks.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => from + n)).toSorted((a, b) => a - b)
        expect(rows).toEqual(Array.from({ length: rows.length }, (_, n) => (rows[0] ?? 0) + n))
        expect(rows[0]).toBeLessThanOrEqual(near.first)
        expect(rows.at(-1)).toBeGreaterThanOrEqual(near.last)
        expect(rows.length).toBeLessThan(64)
        expect(new Set(blocks.map(({ slot }) => slot)).size).toBe(blocks.length)
        // What is below an open row begins below what is open.
        for (const { from, to } of blocks) expect(openAt !== undefined && openAt >= from && openAt < to - 1).toBe(false)
        const now = new Map(blocks.map(({ slot, from, to }) => [`${from} ${to}`, slot]))
        for (const [block, slot] of now) expect(before.get(block) ?? slot).toBe(slot)
        before = now
      }
  },
)

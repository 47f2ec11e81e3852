/** Rows of one height, of which only those near what is seen are drawn; one of them may have something open below it. */

const ROW = 56
const PHONE_NAME = 60
const PHONE_CELL = 26
const BEYOND = 6
/** Rows whose names are drawn together. */
const BLOCK = 16
/** Enough for a screen of 7,000 pixels. */
const SLOTS = 8

export const rowHeight = (isPhone, sites) => (isPhone ? PHONE_NAME + PHONE_CELL * Math.max(1, Math.ceil(sites / 2)) : ROW)

/** Where a row begins. */
export const topOf = ({ height, openAt, openHeight }, n) => n * height + (openAt !== undefined && n > openAt ? openHeight : 0)

export const totalHeight = (layout, count) => topOf(layout, count)

/** The row at a height; what is open belongs to its row. */
export function rowAt({ height, openAt, openHeight }, y) {
  if (openAt === undefined || y < (openAt + 1) * height) return Math.floor(y / height)
  return y < (openAt + 1) * height + openHeight ? openAt : Math.floor((y - openHeight) / height)
}

/** The rows from `first` up to `last` that are to be drawn, where so much of the list is to be seen. */
export function rowsBetween(layout, { top, bottom }, count) {
  return {
    first: Math.max(0, rowAt(layout, Math.max(0, top)) - BEYOND),
    last: Math.min(count - 1, rowAt(layout, Math.max(0, bottom)) + BEYOND),
  }
}

/** The same in whole blocks, each of which begins at the same row however far it is scrolled. */
export function blocksBetween(layout, seen, count) {
  const { first, last } = rowsBetween(layout, seen, count)
  return { first: first - (first % BLOCK), last: Math.min(count - 1, last - (last % BLOCK) + BLOCK - 1) }
}

/**
 * Where the blocks begin and end; the one with an open row is cut below it. Each has a slot, in which another block takes the place of one
 * that is left behind; they come in the order of the slots.
 */
export function blocksOf({ openAt }, { first, last }, count) {
  const blocks = []
  const slots = Math.max(SLOTS, Math.ceil((last - first + 1) / BLOCK))
  for (let from = first; from <= last; from += BLOCK) {
    const to = Math.min(count, from + BLOCK)
    const slot = (from / BLOCK) % slots
    const isCut = openAt >= from && openAt < to - 1
    blocks.push({ slot, from, to: isCut ? openAt + 1 : to })
    if (isCut) blocks.push({ slot: slots + slot, from: openAt + 1, to })
  }
  return blocks.toSorted((one, other) => one.slot - other.slot)
}

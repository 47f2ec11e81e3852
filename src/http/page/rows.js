/** Rows of one height, of which only those near what is seen are drawn; one of them may have something open below it. */

const ROW = 56
const PHONE_NAME = 60
const PHONE_CELL = 26
const BEYOND = 6

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

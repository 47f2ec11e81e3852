import type { Document } from 'mongodb'

/** An expression for a time so many milliseconds from now, by the server's clock. */
export const fromNow = (ms: number): Document => ({ $dateAdd: { startDate: '$$NOW', unit: 'millisecond', amount: ms } })

import { z } from 'zod'

import type { Bandwidth } from '../model/bandwidth.ts'
import { numeric, textList } from './schema-parts.ts'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const DAY = DAYS.join('|')
const TIME = 'a time of the day, such as "08:00"'
const DAYS_EXPECTED = 'days such as "mon", or "mon-fri" for several'
const MAX_RATE = 1e12

const timeOfDay = (pattern: RegExp) => z.string({ error: TIME }).regex(pattern, { error: TIME })

const window = z.strictObject(
  {
    from: timeOfDay(/^(?:[01]\d|2[0-3]):[0-5]\d$/),
    to: timeOfDay(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/),
    days: textList(DAYS_EXPECTED)
      .refine((days) => days.every((day) => new RegExp(`^(?:${DAY})(?:-(?:${DAY}))?$`, 'i').test(day)), { error: DAYS_EXPECTED })
      .optional(),
    limit: numeric({ min: 0, max: MAX_RATE, integer: true }),
  },
  { error: 'an object with from, to, limit and perhaps days' },
)

const rate = numeric({ min: 1, max: MAX_RATE, integer: true })

/** Bytes per second, or times of the day with a limit each. */
export const bandwidth = z.union([rate, z.array(window)], {
  error: `bytes per second, a whole number from 1 to ${MAX_RATE}, or a list of { from, to, days, limit }`,
})

export function toBandwidth(said: z.output<typeof bandwidth>): Bandwidth {
  if (typeof said === 'number') return said
  return said.map(({ from, to, days, limit }) => ({
    from: minutesOf(from),
    to: minutesOf(to),
    ...(days && { days: new Set(days.flatMap(daysOf)) }),
    limit,
  }))
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

/** `sat-mon` goes over the end of the week. */
function daysOf(text: string): readonly number[] {
  const [first = '', last = first] = text.toLowerCase().split('-')
  const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)]
  return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, offset) => (from + offset) % 7)
}

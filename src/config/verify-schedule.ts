import { z } from 'zod'

import { durationMs } from '../model/duration.ts'
import type { VerifySchedule } from '../model/settings.ts'
import { numeric, textList } from './schema-parts.ts'

const EVERY = 'a time with s, m, h, d or w, such as "7d", from a minute to a year'
const [LEAST_MS, MOST_MS] = [60_000, 366 * 86_400_000]

export const verifyScheduleSchema = z.object(
  {
    every: z
      .string({ error: EVERY })
      .refine((text) => durationMs(text) >= LEAST_MS && durationMs(text) <= MOST_MS, { error: EVERY })
      .default('7d')
      .describe('From the beginning of one round through all files of a site to the next.'),
    rate: numeric({ min: 0, max: 10_000, above: true })
      .prefault(10)
      .describe('Files per second at most that an instance looks at, of all sites.'),
    sites: textList('a list of site names or globs').prefault(['*']).describe('The sites that are looked at; names or globs.'),
  },
  { error: 'an object with every, rate and sites' },
)

export function toVerifySchedule({ every, rate, sites }: z.output<typeof verifyScheduleSchema>): VerifySchedule {
  return { every, everyMs: durationMs(every), rate, sites }
}

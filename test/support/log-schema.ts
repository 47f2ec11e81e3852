import { z } from 'zod'

import { LOG_ACTIONS, type LogAction } from '../../src/model/log.ts'

const actions = Object.keys(LOG_ACTIONS) as [LogAction, ...LogAction[]]
const text = z.string().min(1)
const count = z.int().nonnegative()

/** A JSON line of the log: every required key, no unknown action, nothing beside the Elastic Common Schema and `site_sync`. */
export const logLineSchema = z.strictObject({
  '@timestamp': z.iso.datetime({ precision: 3 }),
  'log.level': z.enum(['error', 'warn', 'info', 'debug']),
  'ecs.version': z.string().regex(/^\d+\.\d+\.\d+$/),
  message: text,
  event: z.strictObject({
    action: z.enum(actions),
    outcome: z.enum(['success', 'failure', 'unknown']),
    /** Nanoseconds. */
    duration: count.optional(),
  }),
  error: z.strictObject({ message: z.string(), type: text, code: text.optional(), stack_trace: text.optional() }).optional(),
  site_sync: z
    .looseObject({
      project: text.optional(),
      representation_id: text.optional(),
      file_id: text.optional(),
      path: z.string().optional(),
      site: text.optional(),
      provider: text.optional(),
      bytes: count.optional(),
      tries: count.optional(),
      attempt_id: text.optional(),
    })
    .optional(),
})

export type LogLineJson = z.output<typeof logLineSchema>

/** All lines of a run; throws at the first that is no JSON or not as it must be. */
export function parseLog(output: string): LogLineJson[] {
  const lines = output.split('\n').filter((line) => line !== '')
  return lines.map((line) => logLineSchema.parse(JSON.parse(line)))
}

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { auditTrail } from '../streams/audit.ts'
import { answers, typed, type ApiParts } from './api.ts'
import { auditSchema, limitSchema, listOf } from './schemas.ts'

const querySchema = z.strictObject({
  limit: limitSchema,
  cursor: z
    .string()
    .regex(/^[0-9a-f]{24}$/, { error: '"next_cursor" of the page before' })
    .optional()
    .describe('"next_cursor" of the page before.'),
})

/** `/audit`: who did what, the latest first. */
export function auditRoutes({ database }: ApiParts): (app: FastifyInstance) => void {
  return (app) => {
    typed(app).get(
      '/api/v1/audit',
      { schema: { summary: 'Who did what, the latest first', querystring: querySchema, response: answers(listOf(auditSchema)) } },
      async ({ query: { limit, cursor } }) => {
        const { stateDb } = await database.inspection()
        const found = await auditTrail(stateDb, { before: cursor, limit: limit + 1 })
        const items = found.slice(0, limit)
        return { items, next_cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null } as never
      },
    )
  }
}

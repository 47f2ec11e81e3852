import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { STEP_MS } from '../model/activity.ts'
import { activityOfAll, type LiveActivityParts } from '../service/live-activity.ts'
import { answers, shared, typed, type ApiParts } from './api.ts'
import { endedSchema, listOf, throughputSchema } from './schemas.ts'

/** How long an answer is good for. Milliseconds. */
const ACTIVITY_MS = 1_000

/** `/throughput`, `/recent`: what all instances did in the last hour. */
export function activityRoutes({
  database,
  instance,
  activity,
}: ApiParts & Pick<LiveActivityParts, 'instance' | 'activity'>): (app: FastifyInstance) => void {
  const latest = shared(ACTIVITY_MS, async (inspection) => activityOfAll(inspection, instance, activity))
  return (app) => {
    const api = typed(app)
    const throughput = { summary: 'Bytes that arrived at each site in each minute of the last hour, by all instances' }
    const list = listOf(throughputSchema).extend({ step_seconds: z.int() })
    api.get('/api/v1/throughput', { schema: { ...throughput, response: answers(list) } }, async () => {
      const { sites } = await latest(await database.inspection())
      const items = sites.map(({ site, bytes }) => ({ id: site, site, bytes: [...bytes] }))
      return { items, next_cursor: null, step_seconds: STEP_MS / 1_000 }
    })
    const recent = { summary: 'The transfers of all instances that ended last, the latest first' }
    api.get('/api/v1/recent', { schema: { ...recent, response: answers(listOf(endedSchema)) } }, async () => {
      const { ended } = await latest(await database.inspection())
      return { items: ended, next_cursor: null } as never
    })
  }
}

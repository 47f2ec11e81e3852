import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { projectCounts, sitesOverview } from '../service/overview.ts'
import type { ProjectTotalsReader } from '../service/project-totals.ts'
import { answers, shared, typed, type ApiParts } from './api.ts'
import { countsSchema, listOf, siteSchema, statusSchema, totalsSchema } from './schemas.ts'

/** How long counts of everything that is open are good for: to count is to read it. Milliseconds. */
const COUNTS_MS = 2_000
const OVERVIEW_MS = 250

/** `/status`, `/sites`, `/projects`: what `status --json` says, of all instances. */
export function statusRoutes({
  database,
  signal,
  totals,
}: ApiParts & { readonly totals: ProjectTotalsReader }): (app: FastifyInstance) => void {
  const overview = shared(OVERVIEW_MS, sitesOverview)
  const counts = shared(COUNTS_MS, async (inspection) => projectCounts(inspection, undefined, signal))
  const whole = shared(COUNTS_MS, async (inspection) => totals.read(inspection, signal))
  return (app) => {
    const api = typed(app)
    api.get(
      '/api/v1/status',
      { schema: { summary: 'Instances, pauses, sites, and how much is to be done in each project', response: answers(statusSchema) } },
      async () => {
        const inspection = await database.inspection()
        const [sites, projects] = await Promise.all([overview(inspection), counts(inspection)])
        return { ...sites, projects } as never
      },
    )
    api.get(
      '/api/v1/sites',
      { schema: { summary: 'The sites, and how they are doing at each instance', response: answers(listOf(siteSchema)) } },
      async () => {
        const { sites } = await overview(await database.inspection())
        return { items: sites, next_cursor: null } as never
      },
    )
    api.get(
      '/api/v1/projects',
      {
        schema: {
          summary: 'How much is to be done in each project for each site',
          response: answers(listOf(countsSchema.extend({ id: z.string() })).extend({ totals: z.array(totalsSchema) })),
        },
      },
      async () => {
        const inspection = await database.inspection()
        const [projects, all] = await Promise.all([counts(inspection), whole(inspection)])
        return { items: projects.map((each) => ({ id: `${each.project}/${each.site}`, ...each })), next_cursor: null, totals: all } as never
      },
    )
  }
}

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { representationDetail } from '../service/representation-detail.ts'
import { collectionNames } from '../streams/scan.ts'
import type { Inspection } from '../service/inspection.ts'
import { answers, typed, type ApiParts } from './api.ts'
import { HttpProblem } from './problem.ts'
import { representationDetailSchema, text } from './schemas.ts'

export const representationParams = z.object({
  project: text(),
  id: text(4_096).describe('An id, a path, or asset/subset/version/name; its slashes percent-encoded.'),
})

/** `/representations/{project}/{id}`: everything about one. */
export function representationRoutes({ database }: ApiParts): (app: FastifyInstance) => void {
  return (app) => {
    typed(app).get(
      '/api/v1/representations/:project/:id',
      {
        schema: {
          summary: 'All files of a representation at all sites, and why they are, or are not, there',
          params: representationParams,
          response: answers(representationDetailSchema),
        },
      },
      async ({ params: { project, id } }) => {
        const inspection = await database.inspection()
        await requireProject(inspection, project)
        return ((await representationDetail(inspection, project, id)) ?? notThere(project, id)) as never
      },
    )
  }
}

export async function requireProject({ db }: Inspection, project: string): Promise<void> {
  if (!(await collectionNames(db)).includes(project)) throw new HttpProblem(404, `there is no project ${JSON.stringify(project)}`)
}

export function notThere(project: string, id: string): never {
  throw new HttpProblem(404, `there is no representation ${JSON.stringify(id)} in project ${JSON.stringify(project)}`)
}

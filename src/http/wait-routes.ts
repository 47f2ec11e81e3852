import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { projectSettings } from '../model/project-settings.ts'
import type { RepresentationWaits, WaitEnd } from '../service/representation-waits.ts'
import { sitesToTell } from '../service/list-representations.ts'
import { findRepresentation } from '../streams/selected.ts'
import { idPlain } from '../model/document.ts'
import { recheckAccess } from './access.ts'
import { answers, typed, untilGone, type ApiParts } from './api.ts'
import { HttpProblem } from './problem.ts'
import { notThere, representationParams, requireProject } from './representation-routes.ts'
import { text } from './schemas.ts'
import { requireSite } from './transfer-routes.ts'

/** Seconds. */
const LONGEST = 86_400
const TIMEOUT = `seconds, up to ${LONGEST}`
/** Of the files that are exhausted. */
const MOST_TOLD = 20

const querySchema = z.strictObject({
  site: text(),
  timeout: z
    .string()
    .regex(/^\d{1,6}(?:\.\d{1,3})?$/, { error: TIMEOUT })
    .transform(Number)
    .pipe(z.number().max(LONGEST, { error: TIMEOUT }))
    .default(60)
    .describe('Seconds.'),
})

const arrivedSchema = z.object({ id: z.string(), project: z.string(), site: z.string(), state: z.literal('synced'), files: z.int() })

/** `/representations/{project}/{id}/wait`: answers when its files are at a site; an event, not a poll. */
export function waitRoutes({
  database,
  signal,
  waits,
}: ApiParts & { readonly waits: RepresentationWaits }): (app: FastifyInstance) => void {
  return (app) => {
    typed(app).get(
      '/api/v1/representations/:project/:id/wait',
      {
        schema: {
          summary: 'Waits until all files of a representation are at a site (200), one is exhausted (409), or time is over (408)',
          params: representationParams,
          querystring: querySchema,
          response: answers(arrivedSchema),
        },
      },
      async (request, reply) => {
        const { project, id } = request.params
        const { site, timeout } = request.query
        const gone = untilGone(reply.raw, signal)
        const inspection = await database.inspection()
        requireSite(site, inspection.settings)
        await requireProject(inspection, project)
        const document = await findRepresentation(inspection.db, project, id, sitesToTell(projectSettings(inspection.settings, project)))
        if (!document) notThere(project, id)
        const end = await waits.wait({ project, document, site, timeoutMs: timeout * 1_000, signal: gone })
        if (end.kind !== 'aborted') await recheckAccess(request)
        if (end.kind === 'synced') return { id: idPlain(document._id), project, site, state: 'synced' as const, files: end.files }
        if (end.kind === 'aborted' && !signal.aborted) return reply.hijack() as never
        throw problemOf(end, { project, id, site })
      },
    )
  }
}

function problemOf(
  end: WaitEnd,
  { project, id, site }: { readonly project: string; readonly id: string; readonly site: string },
): HttpProblem {
  switch (end.kind) {
    case 'gone':
      return new HttpProblem(404, `there is no representation ${JSON.stringify(id)} in project ${JSON.stringify(project)} any more`)
    case 'exhausted': {
      const [first] = end.exhausted
      const why = first?.error === undefined ? '' : `: ${first.error}`
      const detail = `${end.exhausted.length} of ${end.files} files are not tried again at ${site}${why}`
      return new HttpProblem(409, detail, { files: end.exhausted.slice(0, MOST_TOLD) })
    }
    case 'timeout':
      return new HttpProblem(408, `${end.synced} of ${end.files} files are at ${site}; the others are not there yet`)
    default:
      return new HttpProblem(503, 'the service ends', { headers: { 'retry-after': '5' } })
  }
}

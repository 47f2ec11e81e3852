import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { ACTIONS } from './actions.ts'
import { answers, typed, type ApiParts } from './api.ts'
import type { Jobs } from './jobs.ts'
import { HttpProblem } from './problem.ts'

const jobSchema = z.object({
  id: z.string(),
  action: z.string(),
  who: z.string(),
  started: z.iso.datetime(),
  state: z.enum(['running', 'done', 'failed']),
  progress: z.looseObject({}).describe('How far it is.'),
  result: z.looseObject({}).optional().describe('What was done, as the action would have answered.'),
  error: z.string().optional(),
})

const doneSchema = z
  .looseObject({
    action: z.string(),
    records: z.int().describe('Changed, or that would be.'),
    representations: z.int().describe('That they are in.'),
    dry_run: z.boolean(),
  })
  .describe('What was done, as the command says with --json.')

/** `POST /actions/{name}`, and the jobs that long ones become. */
export function actionRoutes({ database, log, signal, jobs }: ApiParts & { readonly jobs: Jobs }): (app: FastifyInstance) => void {
  return (app) => {
    const api = typed(app)
    for (const [name, action] of Object.entries(ACTIONS)) {
      api.post(
        `/api/v1/actions/${name}`,
        {
          config: { access: 'operate' },
          schema: {
            summary: action.summary,
            body: action.body,
            response: answers(doneSchema, { 202: z.object({ job: jobSchema, href: z.string().describe('Where to look at it.') }) }),
          },
        },
        async ({ body, token }, reply) => {
          const who = token?.name ?? 'nobody'
          const inspection = await database.inspection()
          const work = await action.prepare(body, inspection)
          const context = { inspection, lasting: async () => database.lasting(), who, log, signal }
          const answer = await jobs.run({ action: name, who }, body.background, async (tell) =>
            database.patiently(async (patient) => work({ ...context, patient, tell })),
          )
          if ('result' in answer) return answer.result as never
          const href = `/api/v1/jobs/${answer.job.id}`
          return await reply
            .code(202)
            .header('location', href)
            .send({ job: answer.job, href } as never)
        },
      )
    }
    api.get(
      '/api/v1/jobs/:id',
      {
        schema: { summary: 'A long action of this instance', params: z.object({ id: z.string().max(100) }), response: answers(jobSchema) },
      },
      async ({ params: { id } }) => {
        const job = jobs.find(id)
        if (!job) throw new HttpProblem(404, 'there is no such job at this instance')
        return job as never
      },
    )
  }
}

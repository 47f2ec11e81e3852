import type { OutgoingHttpHeaders } from 'node:http'

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { answers, typed, type ApiParts } from './api.ts'
import { HttpProblem } from './problem.ts'
import type { Viewers } from './viewers.ts'

const DESCRIPTION = `Server-sent events: "snapshot" (as /status, with what is under way in "running"), then differences: "sites", "projects",
"running" (transfers with their progress, and the ids of those that ended), "representations" (items as of /transfers, and those that are gone) and
"reload" (more changed than is told one by one). Whoever does not keep up is told nothing until he does, and then gets another "snapshot".`

/** `/events`: how things are, and how that changes. */
export function eventRoutes({ database, viewers }: ApiParts & { readonly viewers: Viewers }): (app: FastifyInstance) => void {
  return (app) => {
    typed(app).get(
      '/api/v1/events',
      {
        schema: {
          summary: 'How things are, and how that changes',
          description: DESCRIPTION,
          response: answers(z.string().describe('text/event-stream')),
        },
      },
      async (request, reply) => {
        if (viewers.isFull) throw new HttpProblem(503, 'as many look on as may at once', { headers: { 'retry-after': '30' } })
        await database.connect()
        const ours = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }
        const headers = { ...reply.getHeaders(), ...ours } as OutgoingHttpHeaders
        reply.hijack()
        if (request.raw.method === 'HEAD') return void reply.raw.writeHead(200, headers).end()
        reply.raw.writeHead(200, headers)
        viewers.add(reply.raw)
        return reply as never
      },
    )
  }
}

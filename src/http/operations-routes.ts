import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { readiness, type ServiceState } from '../model/health.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { answers, typed } from './api.ts'
import type { HttpDatabase } from './database.ts'
import { Liveness } from './liveness.ts'

export interface OperationsParts {
  readonly database: HttpDatabase
  readonly metrics: Metrics
  readonly state: () => ServiceState
}

const probeSchema = z.object({ status: z.string(), reasons: z.array(z.string()).optional() })

/** `/metrics`, `/healthz`, `/readyz`: for machines that watch the service. */
export function operationsRoutes({ database, metrics, state }: OperationsParts): (app: FastifyInstance) => void {
  const liveness = new Liveness({ silentMs: () => state().heartbeatMs, fault: async () => await database.fault() })
  return (app) => {
    const api = typed(app)
    const told = { schema: { summary: 'Metrics in the format of Prometheus', response: answers(z.string()) } }
    api.get('/metrics', told, async (_request, reply) => {
      const text = await metrics.exposition()
      return reply.type(metrics.contentType).serializer(String).send(text)
    })
    // An orchestrator has no token, and asks from elsewhere.
    const config = { access: 'public' } as const
    const alive = { schema: { summary: 'Does the process work?', response: answers(probeSchema, { 503: probeSchema }) }, config }
    api.get('/healthz', alive, async (_request, reply) => {
      const reason = liveness.check()
      return reply
        .code(reason === undefined ? 200 : 503)
        .send(reason === undefined ? { status: 'ok' } : { status: 'stuck', reasons: [reason] })
    })
    const ready = { schema: { summary: 'Can work be taken?', response: answers(probeSchema, { 503: probeSchema }) }, config }
    api.get('/readyz', ready, async (_request, reply) => {
      const { isReady, reasons } = readiness(state(), await database.fault())
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', reasons: [...reasons] })
    })
  }
}

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { messageOf } from '../errors.ts'
import { readiness, type ServiceState } from '../model/health.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { answers, typed } from './api.ts'
import type { HttpDatabase } from './database.ts'

export interface OperationsParts {
  readonly database: HttpDatabase
  readonly metrics: Metrics
  readonly state: () => ServiceState
}

/** How long MongoDB has to say that it has a primary. Milliseconds. */
const PATIENCE_MS = 3_000

const probeSchema = z.object({ status: z.string(), reasons: z.array(z.string()).optional() })

/** `/metrics`, `/healthz`, `/readyz`: for machines that watch the service. */
export function operationsRoutes({ database, metrics, state }: OperationsParts): (app: FastifyInstance) => void {
  return (app) => {
    const api = typed(app)
    const told = { schema: { summary: 'Metrics in the format of Prometheus', response: answers(z.string()) } }
    api.get('/metrics', told, async (_request, reply) => {
      const text = await metrics.exposition()
      return reply.type(metrics.contentType).serializer(String).send(text)
    })
    // An orchestrator has no token, and asks from elsewhere.
    const config = { access: 'public' } as const
    const alive = { schema: { summary: 'Does the process work?', response: answers(probeSchema) }, config }
    api.get('/healthz', alive, () => ({ status: 'ok' }))
    const ready = { schema: { summary: 'Can work be taken?', response: answers(probeSchema, { 503: probeSchema }) }, config }
    api.get('/readyz', ready, async (_request, reply) => {
      const { isReady, reasons } = readiness(state(), await faultOf(database))
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', reasons: [...reasons] })
    })
  }
}

/** Why there is no primary to be asked; undefined when there is one. */
async function faultOf(database: HttpDatabase): Promise<string | undefined> {
  try {
    await database.connect()
    const { isWritablePrimary } = await database.connections.work
      .db('admin')
      .command({ hello: 1 }, { readPreference: 'primary', signal: AbortSignal.timeout(PATIENCE_MS) } as object)
    return isWritablePrimary === true ? undefined : 'it has no primary'
  } catch (error) {
    return messageOf(error)
  }
}

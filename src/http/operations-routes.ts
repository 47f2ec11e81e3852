import type { FastifyInstance } from 'fastify'

import { messageOf } from '../errors.ts'
import { readiness, type ServiceState } from '../model/health.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { HttpDatabase } from './database.ts'

export interface OperationsParts {
  readonly database: HttpDatabase
  readonly metrics: Metrics
  readonly state: () => ServiceState
}

/** How long MongoDB has to say that it has a primary. Milliseconds. */
const PATIENCE_MS = 3_000

/** `/metrics`, `/healthz`, `/readyz`: for those who watch the service by machine. */
export function operationsRoutes({ database, metrics, state }: OperationsParts): (app: FastifyInstance) => void {
  const hidden = { schema: { hide: true } }
  return (app) => {
    app.get('/metrics', hidden, async (_request, reply) => {
      const text = await metrics.exposition()
      return reply.type(metrics.contentType).serializer(String).send(text)
    })
    // An orchestrator has no token, and asks from elsewhere.
    const open = { ...hidden, config: { access: 'public' } } as const
    app.get('/healthz', open, async (_request, reply) => reply.type('application/json; charset=utf-8').send({ status: 'ok' }))
    app.get('/readyz', open, async (_request, reply) => {
      const { isReady, reasons } = readiness(state(), await faultOf(database))
      return reply
        .code(isReady ? 200 : 503)
        .type('application/json; charset=utf-8')
        .send({ status: isReady ? 'ready' : 'not ready', reasons })
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

import type { FastifyInstance } from 'fastify'

import { actionRoutes } from './action-routes.ts'
import { activityRoutes } from './activity-routes.ts'
import type { ApiParts } from './api.ts'
import { auditRoutes } from './audit-routes.ts'
import { Live, type LiveParts } from '../service/live.ts'
import { ProjectTotalsReader } from '../service/project-totals.ts'
import { RepresentationWaits } from '../service/representation-waits.ts'
import { eventRoutes } from './event-routes.ts'
import { Jobs } from './jobs.ts'
import { operationsRoutes, type OperationsParts } from './operations-routes.ts'
import { representationRoutes } from './representation-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { transferRoutes } from './transfer-routes.ts'
import { Viewers } from './viewers.ts'
import { waitRoutes } from './wait-routes.ts'

/** Everything that is served. */
export interface Routes extends AsyncDisposable {
  /** Ends what would not end by itself. */
  close(): void
  readonly all: readonly ((app: FastifyInstance) => void)[]
}

/** What is under way, and who is to know that somebody looks at it. */
export type RoutesParts = ApiParts & Pick<LiveParts, 'running' | 'watched' | 'instance' | 'activity'> & Omit<OperationsParts, 'database'>

export function apiRoutes(parts: RoutesParts): Routes {
  const { database } = parts
  const jobs = new Jobs()
  const feed = database.recordFeed()
  const reader = database.reader()
  const totals = new ProjectTotalsReader()
  const waits = new RepresentationWaits({ feed, reader, settings: database.settings })
  const viewers = new Viewers(() => live)
  const live = new Live({
    ...parts,
    feed,
    reader,
    totals,
    inspection: async () => database.inspection(),
    send: (event) => viewers.send(event),
  })
  const reads = [transferRoutes, representationRoutes, auditRoutes].map((routes) => routes(parts))
  return {
    all: [
      operationsRoutes(parts),
      statusRoutes({ ...parts, totals }),
      ...reads,
      activityRoutes(parts),
      waitRoutes({ ...parts, waits }),
      eventRoutes({ ...parts, viewers }),
      actionRoutes({ ...parts, jobs }),
    ],
    close() {
      viewers.close()
      feed[Symbol.dispose]()
    },
    async [Symbol.asyncDispose]() {
      await jobs[Symbol.asyncDispose]()
    },
  }
}

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { UsageError } from '../errors.ts'
import { statesOf, type SelectableState } from '../model/selection.ts'
import type { Settings } from '../model/settings.ts'
import { knownSites } from '../service/edit-records.ts'
import { listRepresentations } from '../service/list-representations.ts'
import { SORT_KEYS, type Sort } from '../streams/listing.ts'
import type { Inspection } from '../service/inspection.ts'
import type { LiveParts } from '../service/live.ts'
import { answers, typed, untilGone, type ApiParts } from './api.ts'
import { cursorSchema, limitSchema, listOf, representationSchema, text } from './schemas.ts'

const SORTS = SORT_KEYS.flatMap((key) => [key, `-${key}`] as const)

const querySchema = z.strictObject({
  project: text().optional(),
  site: text().optional().describe('With a record of this site; state and error are of that record.'),
  state: text(100)
    .optional()
    .describe(
      'pending, failed, exhausted, paused or synced; several with commas. Or alone: whole (nothing is open), syncing (being sent now).',
    ),
  asset: text().optional(),
  error: text().optional().describe('A part of the text of an error.'),
  q: text().optional().describe('A part of asset, subset, name or the path of a file; or an id.'),
  sort: z
    .enum(SORTS, { error: `one of ${SORTS.join(', ')}` })
    .default('id')
    .describe('Within a project; projects come by name. With a minus: the other way about.'),
  cursor: cursorSchema,
  limit: limitSchema,
})

type TransferParts = ApiParts & Pick<LiveParts, 'running' | 'instance'>

/** `/transfers`: representations with their state at each site; filtered, sorted and cut into pages by the database. */
export function transferRoutes({ database, signal, ...live }: TransferParts): (app: FastifyInstance) => void {
  return (app) => {
    typed(app).get(
      '/api/v1/transfers',
      {
        schema: {
          summary: 'Representations with their state at each site',
          querystring: querySchema,
          response: answers(listOf(representationSchema)),
        },
      },
      async (request, reply) => {
        const inspection = await database.inspection()
        const { state, sort, site, ...query } = request.query
        if (site !== undefined) requireSite(site, inspection.settings)
        const only = state === 'syncing' ? await underWay(inspection, live, site) : undefined
        const list = { ...query, site, only, ...asked(state), sort: sortOf(sort) }
        const { items, nextCursor } = await listRepresentations(inspection, list, untilGone(reply.raw, signal))
        return { items: [...items], next_cursor: nextCursor } as never
      },
    )
  }
}

/** Two of them are no states of records. */
function asked(state: string | undefined): { readonly states?: ReadonlySet<SelectableState>; readonly whole?: true } {
  if (state === undefined || state === 'syncing') return {}
  return state === 'whole' ? { whole: true } : { states: statesOf(state) }
}

/** What is being sent to a site, or to any, by project. Other instances tell it as long as somebody looks on. */
async function underWay(
  { state, settings }: Inspection,
  { running, instance }: Pick<LiveParts, 'running' | 'instance'>,
  site: string | undefined,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const reports = await state.reports(settings.mongo.database)
  const others = reports.filter(({ _id }) => _id !== instance).flatMap((report) => report.running ?? [])
  const transfers = [...running(), ...others].filter((transfer) => site === undefined || transfer.site === site)
  const byProject = Map.groupBy(transfers, ({ project }) => project)
  return new Map([...byProject].map(([project, of]) => [project, [...new Set(of.map(({ representation }) => representation))]]))
}

function sortOf(sort: (typeof SORTS)[number]): Sort {
  const descending = sort.startsWith('-')
  return { key: (descending ? sort.slice(1) : sort) as Sort['key'], descending }
}

/** Throws where the configuration has no such site. */
export function requireSite(site: string, settings: Settings): void {
  if (!knownSites(settings).has(site)) throw new UsageError(`there is no site ${JSON.stringify(site)}`)
}

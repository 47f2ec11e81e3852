import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'

import type { Log } from '../model/log.ts'
import type { Inspection } from '../service/inspection.ts'
import type { HttpDatabase } from './database.ts'
import { problemSchema } from './schemas.ts'

/** What routes are made of. */
export interface ApiParts {
  readonly log: Log
  readonly database: HttpDatabase
  /** The server ends. */
  readonly signal: AbortSignal
}

type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/** The same server, whose routes have the types of their schemas. */
export const typed = (app: FastifyInstance): Api => app.withTypeProvider<ZodTypeProvider>()

/** The answers of a route, with the problems that any may have. */
export const answers = <T extends z.ZodType>(schema: T, more: Readonly<Record<number, z.ZodType>> = {}) => ({
  200: schema,
  ...more,
  '4xx': problemSchema,
  '5xx': problemSchema,
})

/** Aborted when nobody waits for the answer any more. */
export function untilGone(raw: IncomingMessage, ended: AbortSignal): AbortSignal {
  const gone = new AbortController()
  raw.socket.once('close', () => gone.abort())
  if (raw.socket.destroyed) gone.abort()
  return AbortSignal.any([gone.signal, ended])
}

/** As long as the configuration is the same, asked once for all who come within so many milliseconds. */
export function shared<T>(ms: number, ask: (inspection: Inspection) => Promise<T>): (inspection: Inspection) => Promise<T> {
  let latest: { readonly of: Inspection; readonly answer: Promise<T>; until: number } | undefined
  return async (inspection) => {
    if (latest?.of === inspection && performance.now() < latest.until) return await latest.answer
    const asked = { of: inspection, answer: ask(inspection), until: Infinity }
    latest = asked
    const over = (): void => {
      asked.until = performance.now() + ms
    }
    asked.answer.then(over, () => (asked.until = -Infinity))
    return await asked.answer
  }
}

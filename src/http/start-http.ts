import type { FastifyInstance } from 'fastify'

import { ConfigError, messageOf } from '../errors.ts'
import type { HttpSettings } from '../model/http-settings.ts'
import type { Log } from '../model/log.ts'
import { isLoopback } from '../model/loopback.ts'
import { connected } from '../service/connected.ts'
import { Metrics } from '../metrics/metrics.ts'
import { standings } from '../metrics/standing.ts'
import { accessTokens, type AccessTokens } from '../streams/access-tokens.ts'
import { sleep } from '../streams/waiting.ts'
import { HttpDatabase, type DatabaseParts } from './database.ts'
import { pageFiles } from './page-files.ts'
import { pageRoutes } from './page-routes.ts'
import { apiRoutes, type RoutesParts } from './routes.ts'
import { httpServer } from './server.ts'

export interface HttpParts extends DatabaseParts, Pick<RoutesParts, 'running' | 'watched' | 'instance' | 'activity' | 'state'> {
  readonly http: HttpSettings
  readonly log: Log
  /** Told to end. */
  readonly signal: AbortSignal
}

export interface RunningHttp extends AsyncDisposable {
  /** To be fed by the service. */
  readonly metrics: Metrics
  /** Resolves with the address when it listens; never when it can't. */
  readonly listening: Promise<string>
}

/** Connections that wait to be taken: a farm may ask a thousand times at once. */
const BACKLOG = 4_096
/** Between two attempts to listen, in milliseconds: an instance that is about to end may still have the port. */
const AGAIN_MS = 5_000

/**
 * Answers HTTP requests until it is disposed of. That it can't listen is one line in the log and no fault of the service: it is tried again
 * until it can. Rejects with a `ConfigError` where others than this machine would be answered and there is no token.
 */
export async function startHttp(parts: HttpParts): Promise<RunningHttp> {
  const { http, log, signal, settings } = parts
  const database = new HttpDatabase(parts)
  try {
    const tokens = accessTokens(database.connections.work.db(settings().mongo.stateDatabase))
    if (!isLoopback(http.host)) await requireToken(parts, database, tokens)
    const ended = new AbortController()
    const standing = standings({
      inspection: async () => await database.inspection(),
      fault: async () => await database.fault(),
      state: parts.state,
      signal: ended.signal,
    })
    const metrics = new Metrics(standing)
    const routes = apiRoutes({ ...parts, database, metrics, signal: ended.signal })
    const findToken = async (token: string) => {
      await database.connect()
      return await tokens.find(token)
    }
    const page = pageRoutes(await pageFiles())
    const open = async (): Promise<FastifyInstance> => await httpServer({ http, log, findToken, routes: [...routes.all, page] })
    const server = listen({ http, log, open, signal: AbortSignal.any([signal, ended.signal]) })
    return {
      metrics,
      listening: server.listening,
      async [Symbol.asyncDispose]() {
        ended.abort()
        routes.close()
        await (await server.app)?.close()
        await routes[Symbol.asyncDispose]()
        await database[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

async function requireToken({ http, log, signal }: HttpParts, { connections }: HttpDatabase, tokens: AccessTokens): Promise<void> {
  if (!(await connected({ connections, log, signal })) || (await tokens.list()).length > 0) return
  const expected = 'an address of this machine alone as long as there is no token; "site-sync token create NAME" makes one'
  throw new ConfigError('configuration', [{ key: 'http.host', value: http.host, expected }])
}

interface ListenParts extends Pick<HttpParts, 'http' | 'log' | 'signal'> {
  readonly open: () => Promise<FastifyInstance>
}

/** `app` resolves with what listens; undefined where it never came to that. */
function listen({
  http,
  log,
  open,
  signal,
}: ListenParts): Pick<RunningHttp, 'listening'> & { readonly app: Promise<FastifyInstance | undefined> } {
  const { promise: listening, resolve } = Promise.withResolvers<string>()
  const attempt = async (): Promise<FastifyInstance> => {
    const app = await open()
    try {
      await app.listen({ host: http.host, port: http.port, backlog: BACKLOG })
      return app
    } catch (error) {
      await app.close()
      throw error
    }
  }
  const untilListening = async (): Promise<FastifyInstance | undefined> => {
    let said: string | undefined
    while (!signal.aborted) {
      try {
        const app = await attempt()
        const address = addressOf(app, http)
        log.event('http.listening', { message: `answers HTTP requests at ${address}`, extra: { address } })
        resolve(address)
        return app
      } catch (error) {
        const message = messageOf(error)
        if (message !== said)
          log.event('http.failed', { error, message: `no answers at ${http.host}, port ${http.port}; tried again: ${message}` })
        said = message
        await sleep(AGAIN_MS, signal)
      }
    }
    return undefined
  }
  return { listening, app: untilListening() }
}

function addressOf(app: FastifyInstance, { host, port, tls }: HttpSettings): string {
  const address = app.server.address()
  const at = typeof address === 'object' && address !== null ? address.port : port
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${at}/`
}

import { readFile } from 'node:fs/promises'

import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'

import { jsonText } from '../logging/json-text.ts'
import type { Log } from '../model/log.ts'
import { checkAccess, type AccessParts } from './access.ts'
import { answerProblems, badAddress } from './errors.ts'
import { describeApi } from './openapi.ts'

const MAX_BODY = 1_048_576
/** Characters of a part of an address: ids and paths of files may be long. */
const MAX_PARAMETER = 4_096
/** How long a request may take to arrive. Milliseconds. */
const ARRIVAL_MS = 30_000

/** What is served is never run as a script of this origin but where it is one of our own files, and shown in no other page. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
} as const

export interface ServerParts extends AccessParts {
  readonly log: Log
  /** Adds routes; they are described in `openapi.json` unless they are hidden. */
  readonly routes: readonly ((app: FastifyInstance) => void)[]
}

/** The server, with what holds for all its routes; it does not listen yet. */
export async function httpServer(parts: ServerParts): Promise<FastifyInstance> {
  const { tls, behindProxy } = parts.http
  const options: FastifyServerOptions = {
    bodyLimit: MAX_BODY,
    forceCloseConnections: true,
    frameworkErrors: badAddress,
    logger: false,
    requestTimeout: ARRIVAL_MS,
    routerOptions: { maxParamLength: MAX_PARAMETER },
    // The last address that the proxy has added, not what whoever asks may write in front of it.
    trustProxy: behindProxy && ((_address, hop) => hop === 0),
  }
  const https = tls && { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) }
  const app = Fastify({ ...options, ...(https && { https }) }) as FastifyInstance
  app.setValidatorCompiler(validatorCompiler)
  // What is answered is checked by tests: an answer that is not as described is better than none.
  app.setSerializerCompiler(() => jsonText)
  app.setReplySerializer(jsonText)
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', async (_request, reply) => void reply.headers(HEADERS))
  checkAccess(app, parts)
  answerProblems(app, parts.log)
  await describeApi(app, parts.http)
  await app.register(async (api) => parts.routes.forEach((add) => add(api)))
  await app.ready()
  return app
}

import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'

import type { HttpSettings } from '../model/http-settings.ts'

const DESCRIPTION = `What the page and programs ask of Site Sync. Reads from the service's own machine need no token where "anonymous_read" is on; actions always
need one with the scope "operate". Errors are application/problem+json.`

/** Describes all routes that are added after this, from the schemas that check them; with `readOnly` no actions, since none is taken. */
export async function describeApi(app: FastifyInstance, { readOnly }: Pick<HttpSettings, 'readOnly'>): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Site Sync', version: '1', description: DESCRIPTION },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: (described) => {
      const isAction = described.route.config?.access === 'operate'
      return jsonSchemaTransform(readOnly && isAction ? { ...described, schema: { hide: true } } : described)
    },
  })
  for (const url of ['/openapi.json', '/api/v1/openapi.json']) {
    app.get(url, { schema: { hide: true } }, async (_request, reply) => reply.type('application/json; charset=utf-8').send(app.swagger()))
  }
}

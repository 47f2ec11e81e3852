import type { FastifyInstance } from 'fastify'

import type { PageFile } from './page-files.ts'

/**
 * The page and what it loads. Public, as there is nothing in it: a browser sends no token with an address that is typed in, and the page
 * asks for one where the API wants it.
 */
export function pageRoutes(files: ReadonlyMap<string, PageFile>): (app: FastifyInstance) => void {
  return (app) => {
    for (const [address, { type, body }] of files) {
      app.get(address, { schema: { hide: true }, config: { access: 'public' } }, async (_request, reply) => reply.type(type).send(body))
    }
  }
}

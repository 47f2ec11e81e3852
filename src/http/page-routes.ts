import type { FastifyInstance } from 'fastify'

import type { PageFile } from './page-files.ts'

/** A browser may keep a file, and asks before each use whether it is still the same. */
const CACHE = 'no-cache'

/**
 * The page and what it loads. Public, as there is nothing in it: a browser sends no token with an address that is typed in, and the page
 * asks for one where the API wants it.
 */
export function pageRoutes(files: ReadonlyMap<string, PageFile>): (app: FastifyInstance) => void {
  return (app) => {
    for (const [address, { type, body, etag }] of files) {
      app.get(address, { schema: { hide: true }, config: { access: 'public' } }, async ({ headers }, reply) => {
        reply.headers({ 'cache-control': CACHE, etag })
        return isKnown(headers['if-none-match'], etag) ? reply.code(304).send() : reply.type(type).send(body)
      })
    }
  }
}

/** Does the request name the content as it is? A proxy that compresses may have made the validator weak. */
function isKnown(known: string | undefined, etag: string): boolean {
  return (known ?? '').split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag)
}

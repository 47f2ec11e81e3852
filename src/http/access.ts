import type { FastifyInstance, FastifyRequest } from 'fastify'

import type { AccessToken } from '../model/access-token.ts'
import type { HttpSettings } from '../model/http-settings.ts'
import { isLoopback } from '../model/loopback.ts'
import { Failures } from './failures.ts'
import { HttpProblem } from './problem.ts'

/** What a route takes: nothing, the right to read, or that to change records. @defaultValue `read` */
type Access = 'public' | 'read' | 'operate'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Who asks; undefined: somebody on this machine, or anybody where the route is public. */
    token?: AccessToken
    /** Is it still good? For answers that take long. */
    recheck?: () => Promise<boolean>
  }
}

export interface AccessParts {
  readonly http: HttpSettings
  readonly findToken: (token: string) => Promise<AccessToken | undefined>
}

/** Set by proxies: whoever asks is somewhere else than the address that the request comes from. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

/** Every request is checked before its body is read: the name by which it asks, and who asks. */
export function checkAccess(app: FastifyInstance, parts: AccessParts): void {
  const failures = new Failures()
  const check = async (request: FastifyRequest): Promise<void> => {
    const host = hostOf(request)
    if (!isTrusted(host, request, parts.http)) {
      throw new HttpProblem(421, `nothing is served under the name ${JSON.stringify(host)}; see "trusted_hosts" in the configuration`)
    }
    await authorize(request, request.routeOptions.config.access ?? 'read', parts)
  }
  app.addHook('onRequest', async (request) => {
    try {
      await check(request)
    } catch (error) {
      if (!(error instanceof HttpProblem) || error.statusCode !== 401) throw error
      const seconds = failures.add(request.ip)
      if (seconds === undefined) throw error
      throw new HttpProblem(429, 'too many requests without the right to what they ask for', {
        headers: { 'retry-after': String(seconds) },
      })
    }
  })
}

async function authorize(request: FastifyRequest, access: Access, { http, findToken }: AccessParts): Promise<void> {
  if (access === 'public') return
  const { authorization } = request.headers
  if (authorization !== undefined) {
    const [, token] = /^bearer ([\x21-\x7e]{1,200})$/i.exec(authorization) ?? []
    const found = token === undefined ? undefined : await findToken(token)
    if (!found) throw unauthorized('the token is not known')
    request.token = found
    request.recheck = async () => (await findToken(token ?? '')) !== undefined
  } else if (access === 'operate' || !isOfThisMachine(request, http)) {
    throw unauthorized('a token is needed; see "site-sync token create"')
  }
  if (access !== 'operate') return
  if (http.readOnly) throw new HttpProblem(403, 'actions are switched off here ("read_only")')
  if (request.token?.scope !== 'operate')
    throw new HttpProblem(403, 'the token may only read; an action takes one with the scope "operate"', {
      headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="operate"' },
    })
}

/** The answer took long: may who asked for it still have it? Throws if not. */
export async function recheckAccess({ recheck }: FastifyRequest): Promise<void> {
  if (recheck && !(await recheck())) throw unauthorized('the token was revoked meanwhile')
}

function unauthorized(detail: string): HttpProblem {
  return new HttpProblem(401, detail, { headers: { 'www-authenticate': 'Bearer' } })
}

function isOfThisMachine({ socket, headers }: FastifyRequest, { anonymousRead }: HttpSettings): boolean {
  return anonymousRead && isLoopback(socket.localAddress ?? '') && FORWARDED.every((name) => headers[name] === undefined)
}

/** A page on the web whose name was made to lead here would otherwise read what only this machine may. */
function isTrusted(host: string, { socket }: FastifyRequest, http: HttpSettings): boolean {
  const name = host.toLowerCase()
  if (isLoopback(name) || [http.host, ...http.trustedHosts].some((trusted) => bare(trusted) === name)) return true
  // An address can't be made to lead elsewhere.
  return name !== '' && name === bare(socket.localAddress ?? '')
}

const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:(?=\d+\.)/, '')

/** Without the port. */
function hostOf({ headers: { host = '' } }: FastifyRequest): string {
  const [, name = ''] = /^(\[[0-9a-f:.]+\]|[^:@/\s]+)(?::\d{1,5})?$/i.exec(host) ?? []
  return bare(name)
}

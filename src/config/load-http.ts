import type { z } from 'zod'

import type { HttpSettings, Webhook } from '../model/http-settings.ts'
import { isLoopback } from '../model/loopback.ts'
import { registerSecret } from '../secrets.ts'
import type { httpSchema, webhooksSchema } from './http-schema.ts'
import type { RawConfig } from './layout.ts'
import { expandEnvironment, resolveFolder, type PathContext } from './paths.ts'

/** Undefined where it is not enabled; what it says is checked all the same. */
export function loadHttp(
  said: z.output<typeof httpSchema> | undefined,
  { keyOf }: RawConfig,
  context: PathContext,
): HttpSettings | undefined {
  if (!said) return undefined
  const { tls, host, behind_proxy: behindProxy } = said
  const file = (key: 'cert' | 'key'): string => (tls && resolveFolder(tls[key], keyOf(['http', 'tls', key]), context)) ?? ''
  if (said.enabled && !isLoopback(host) && !tls && !behindProxy) {
    context.problems.add(
      keyOf(['http', 'host']),
      host,
      'an address of this machine alone, such as "127.0.0.1"; any other takes "tls", or "behind_proxy" where a proxy speaks TLS',
    )
  }
  if (!said.enabled) return undefined
  return {
    host,
    port: said.port,
    ...(tls && { tls: { certFile: file('cert'), keyFile: file('key') } }),
    trustedHosts: said.trusted_hosts,
    readOnly: said.read_only,
    anonymousRead: said.anonymous_read,
    behindProxy,
  }
}

export function loadWebhooks(
  said: z.output<typeof webhooksSchema> | undefined,
  { keyOf }: RawConfig,
  { env, problems }: PathContext,
): readonly Webhook[] | undefined {
  if (!said?.length) return undefined
  return said.map(({ url, secret, on }, index) => {
    const parsed = URL.parse(url)
    if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
      problems.add(keyOf(['webhooks', index, 'url']), url, 'an http:// or https:// address without a user in it')
    }
    // Each address has one secret, and is told of each event once.
    const first = said.findIndex((each) => each.url === url)
    if (first < index)
      problems.add(
        keyOf(['webhooks', index, 'url']),
        url,
        `an address of its own: webhooks[${first}] has this one, and its "on" may name several events`,
      )
    const key = keyOf(['webhooks', index, 'secret'])
    const expanded = expandEnvironment(secret, env, (missing) => problems.add(key, '[redacted]', missing)) ?? ''
    registerSecret('password', expanded)
    return { url, secret: expanded, on: new Set(on) }
  })
}

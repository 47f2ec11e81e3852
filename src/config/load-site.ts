import type { Site } from '../model/site.ts'
import { providers } from '../providers/registry.ts'
import type { RawSite } from './layout.ts'
import type { KeyOf, Mistakes } from './mistakes.ts'
import { parseWhatFits } from './parse.ts'
import { resolveCredentials, resolveRoot, type PathContext } from './paths.ts'
import { isRawObject, rawObject } from './read-json.ts'
import { emptyIsAbsent } from './schema-parts.ts'
import { siteSchema } from './schema.ts'
import { warnOfUnknownKeys } from './unknown-keys.ts'

/** Paths have rules of their own: see `paths.ts`. */
const plainKeys = siteSchema.omit({ root: true, credentials_url: true })

/**
 * One site. Mistakes are noted; `undefined` when nothing can be made of it. `isOwn`: the site of this very machine, a `local_drive` when
 * nothing else is said.
 */
export function loadSite(name: string, { value, keyOf }: RawSite, isOwn: boolean, context: PathContext): Site | undefined {
  const { mistakes } = context
  if (name === '' || !isRawObject(value)) {
    mistakes.add(keyOf([]), name === '' ? name : value, name === '' ? 'a name for the site' : 'an object: the definition of a site')
    return undefined
  }
  warnOfUnknownKeys(value, Object.keys(siteSchema.shape), keyOf, mistakes)
  const filled = rawObject(Object.entries(value).map(([key, item]) => [key, emptyIsAbsent(item)]))
  const parsed = parseWhatFits(plainKeys, filled, keyOf, mistakes)
  const provider = parsed.provider ?? (isOwn ? 'local_drive' : undefined)
  if (provider === undefined && filled['provider'] === undefined) {
    mistakes.add(keyOf(['provider']), value['provider'], 'the name of a provider, such as "gdrive" or "local_drive"')
  }
  if (filled['root'] === undefined && isOwn && provider === 'local_drive') {
    mistakes.warn(`${keyOf(['root'])} is missing: the root that stands in each document serves`)
    return undefined
  }
  // Nobody knows what a provider that does not exist needs; the service flags the site.
  const isUnknown = provider !== undefined && !providers.has(provider)
  const root = isUnknown && filled['root'] === undefined ? '' : resolveRoot(filled['root'], provider === 'local_drive', keyOf, context)
  const credentialsFile = resolveCredentials(filled['credentials_url'], keyOf, context)
  const apiEndpoint = endpoint(parsed.api_endpoint, keyOf, mistakes)
  if (provider === undefined || root === undefined) return undefined

  const { concurrency, concurrency_scope: concurrencyScope, alternative_sites: alternatives = [] } = parsed
  return {
    name,
    provider,
    root,
    ...(credentialsFile !== undefined && { credentialsFile }),
    ...(apiEndpoint !== undefined && { apiEndpoint }),
    ...(concurrency !== undefined && { concurrency }),
    ...(concurrencyScope !== undefined && { concurrencyScope }),
    alternativeSites: [...new Set(alternatives)].filter((alternative) => alternative !== name),
  }
}

function endpoint(text: string | undefined, keyOf: KeyOf, mistakes: Mistakes): string | undefined {
  if (text === undefined) return undefined
  const url = URL.parse(text.trim())
  const isPlain = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !/[?#@]/.test(text)
  if (isPlain) return url.origin
  mistakes.add(keyOf(['api_endpoint']), text, 'an http:// or https:// address of scheme, host and port only')
  return undefined
}

import type { z } from 'zod'

import type { Site, SkippedSite } from '../model/site.ts'
import { providers } from '../providers/registry.ts'
import { toBandwidth } from './bandwidth.ts'
import type { RawSite } from './layout.ts'
import type { KeyOf, Problems } from './problems.ts'
import { parseWhatFits } from './parse.ts'
import { osName, resolveCredentials, resolveRoot, type PathContext } from './paths.ts'
import { isRawObject, rawObject } from './read-json.ts'
import { emptyIsAbsent } from './schema-parts.ts'
import { siteSchema } from './schema.ts'
import { filledRoot, isEmpty } from './unfilled.ts'
import { warnOfUnknownKeys } from './unknown-keys.ts'

/** Paths have rules of their own: see `paths.ts`. */
const plainKeys = siteSchema.omit({ root: true, credentials_url: true })

/** Of a site that is named, and left out when the service starts. */
const NO_PROVIDER = 'none'

type SiteKeys = Partial<z.output<typeof plainKeys>>

/** What a site is to this machine: where its publishes are, its own, or one of the others. */
export type SiteRole = 'publish' | 'own' | 'other'

/**
 * One site. Problems are noted; `undefined` when nothing can be made of it. The sites of this very machine are a `local_drive` when
 * nothing else is said.
 */
export function loadSite(
  name: string,
  { value, keyOf, withoutProvider }: RawSite,
  role: SiteRole,
  context: PathContext,
): { readonly site: Site } | { readonly skipped: SkippedSite } | undefined {
  const { problems } = context
  if (name === '' || !isRawObject(value)) {
    problems.add(keyOf([]), name === '' ? name : value, name === '' ? 'a name for the site' : 'an object: the definition of a site')
    return undefined
  }
  warnOfUnknownKeys(value, Object.keys(siteSchema.shape), keyOf, problems)
  const filled = rawObject(Object.entries(value).map(([key, item]) => [key, emptyIsAbsent(item)]))
  const parsed = parseWhatFits(plainKeys, filled, keyOf, problems)
  const provider = parsed.provider ?? (role === 'other' ? undefined : 'local_drive')
  const skipped = (reason: string, documentsServe = false): { readonly skipped: SkippedSite } => ({
    skipped: { name, ...(provider !== undefined && { provider }), reason, documentsServe },
  })
  if (parsed.enabled === false) return skipped(`${keyOf(['enabled'])} is false`)

  const hasRootKey = Object.hasOwn(value, 'root')
  // Nobody knows what a provider that does not exist needs; the service flags the site.
  const needsNoRoot = provider !== undefined && !providers.has(provider) && !hasRootKey
  // Whoever writes a configuration of ours by hand and leaves the key out has not said that the site is for other machines.
  const isForgotten = !hasRootKey && !context.isLegacy && role === 'other' && !isEmpty(value)
  const os = osName(context.platform)
  const { root: ownRoot, unfilled } = filledRoot(value['root'], keyOf, context.platform)
  if (ownRoot === undefined && !needsNoRoot && !isForgotten) {
    const reason = `${unfilled.join(', ')}: no root for ${os}`
    if (role !== 'publish' || provider !== 'local_drive') return skipped(reason)
    return skipped(
      `${reason}; ${context.rootsFromProject ? 'the roots in the project document serve' : 'the root that stands in each document serves'}`,
      true,
    )
  }
  for (const what of ownRoot === undefined ? [] : unfilled) problems.warn(`${what}: no root of that name for ${os}`)
  const isWithoutProvider = provider === undefined && filled['provider'] === undefined
  if (isWithoutProvider && withoutProvider !== undefined) {
    return { site: { name, provider: NO_PROVIDER, root: '', alternativeSites: [], fault: withoutProvider } }
  }
  if (isWithoutProvider) {
    problems.add(keyOf(['provider']), value['provider'], 'the name of a provider, such as "gdrive" or "local_drive"')
  }
  const root = needsNoRoot ? '' : resolveRoot(ownRoot, provider === 'local_drive', keyOf, context)
  const credentialsFile = resolveCredentials(filled['credentials_url'], keyOf, context)
  const apiEndpoint = endpoint(parsed.api_endpoint, keyOf, problems)
  if (provider === undefined || root === undefined) return undefined

  const { concurrency, concurrency_scope: concurrencyScope, alternative_sites: alternatives = [] } = parsed
  const site: Site = {
    name,
    provider,
    root,
    ...(credentialsFile !== undefined && { credentialsFile }),
    ...(apiEndpoint !== undefined && { apiEndpoint }),
    ...(concurrency !== undefined && { concurrency }),
    ...(concurrencyScope !== undefined && { concurrencyScope }),
    ...(parsed.bandwidth !== undefined && { bandwidth: toBandwidth(parsed.bandwidth) }),
    ...(parsed.size_check !== undefined && { sizeCheck: parsed.size_check }),
    ...mountOptions(parsed),
    ...modes(parsed),
    alternativeSites: [...new Set(alternatives)].filter((alternative) => alternative !== name),
  }
  return { site }
}

function mountOptions({ require_mount: mount, marker_file: markerFile }: SiteKeys): Pick<Site, 'requireMount' | 'markerFile'> {
  const isAuto = mount === undefined || mount === 'auto'
  return { ...(!isAuto && { requireMount: mount === true || mount === 'true' }), ...(markerFile !== undefined && { markerFile }) }
}

function modes({ file_mode: file, folder_mode: folder }: SiteKeys): Pick<Site, 'fileMode' | 'folderMode'> {
  return {
    ...(file !== undefined && { fileMode: Number.parseInt(file, 8) }),
    ...(folder !== undefined && { folderMode: Number.parseInt(folder, 8) }),
  }
}

function endpoint(text: string | undefined, keyOf: KeyOf, problems: Problems): string | undefined {
  if (text === undefined) return undefined
  const url = URL.parse(text.trim())
  const isPlain = url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !/[?#@]/.test(text)
  if (isPlain) return url.origin
  problems.add(keyOf(['api_endpoint']), text, 'an http:// or https:// address of scheme, host and port only')
  return undefined
}

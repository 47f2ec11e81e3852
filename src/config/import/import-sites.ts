import { providers } from '../../providers/registry.ts'
import { formatKey } from '../problems.ts'
import { isRawObject, rawObject, type RawObject } from '../read-json.ts'
import { isEmpty } from '../unfilled.ts'

/** In OpenPype "local" is the workstation of whoever looks. */
export const LOCAL = 'local'
const OF_THE_SYSTEM: ReadonlySet<string> = new Set(['enabled', 'provider', 'alternative_sites'])

/** The sites that a project uses, defined in full; what can't be carried over is noted. */
export function importSites(system: RawObject, used: RawObject, publishSite: string, notes: Set<string>): RawObject {
  const sites = rawObject([])
  for (const [name, own] of Object.entries(used)) {
    if (!isRawObject(own)) continue
    const known = isRawObject(system[name]) ? system[name] : {}
    const site = importSite(name, known, own, name === publishSite || name === 'studio', notes)
    if (site) sites[name] = site
  }
  return sites
}

function importSite(name: string, known: RawObject, own: RawObject, isStudio: boolean, notes: Set<string>): RawObject | undefined {
  const key = formatKey(['sites', name])
  const left = (why: string): undefined => void notes.add(`${key} is left out: ${why}`)
  if (name === LOCAL) return left("it stands for each workstation's own disk; give each a site of its own, and its name as local_id")
  if (own['enabled'] !== true && !isStudio) return left('it is not enabled')
  const provider = text(known['provider']) ?? text(own['provider']) ?? (isStudio ? 'local_drive' : undefined)
  if (provider === undefined) return left('the system settings name no provider for it')
  const isFilled = !isEmpty(own['root'])
  // Its root is that of each project's document.
  if (isStudio && !isFilled) return undefined
  if (!providers.has(provider)) notes.add(`${key}: this version has no provider ${provider}; the site is left out when the service starts`)
  if (!isFilled) notes.add(`${key}.root is empty: the site is skipped until it is filled in`)
  noteVariables(`${key}.root`, own['root'], notes)
  noteVariables(`${key}.credentials_url`, own['credentials_url'], notes)
  const alternatives = Array.isArray(known['alternative_sites']) ? known['alternative_sites'] : []
  const options = Object.entries(own).filter(([option, value]) => !OF_THE_SYSTEM.has(option) && option !== 'root' && !isEmpty(value))
  return rawObject([
    ['provider', provider],
    ['root', isFilled ? own['root'] : ''],
    ...options,
    ...(alternatives.length > 0 ? [['alternative_sites', alternatives] as const] : []),
  ])
}

function noteVariables(key: string, value: unknown, notes: Set<string>): void {
  const names = [...JSON.stringify(value ?? '').matchAll(/\{([A-Za-z_]\w*)\}/g)].map(([, variable = '']) => variable)
  if (names.length > 0) notes.add(`${key} needs the environment variables ${[...new Set(names)].join(', ')} where the service runs`)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

import { SyncError } from '../errors.ts'
import { assertDocumentRoot } from './document-roots.ts'
import { isPlain, type RepresentationDocument } from './document.ts'
import type { ProjectSettings } from './settings.ts'
import type { Root, Site } from './site.ts'
import { brokenText, isBroken } from './valid-text.ts'

const SYSTEMS = ['windows', 'linux', 'darwin']

/**
 * The publish site as configured. Where nobody configured it: with the roots of the project's own document, which say what holds on
 * this system; else with what the publish wrote into the representation, which held on the machine it came from.
 *
 * @throws SyncError `BAD_ROOT` when there is none.
 */
export function publishSiteOf(settings: ProjectSettings, { context }: RepresentationDocument): Site {
  const { publishSite: name } = settings
  const configured = settings.sites.get(name)
  if (configured) return configured
  const site = { name, provider: 'local_drive', alternativeSites: [], declared: false }
  if (settings.projectRoot !== undefined) return { ...site, root: allowed(settings.projectRoot, settings) }
  const root = rootIn(context)
  const broken = isPlain(context) ? brokenText(context['root'], 'context.root') : undefined
  if (broken !== undefined) throw new SyncError('BAD_ROOT', `${broken} in the document is not valid UTF-8`)
  if (root !== undefined) return { ...site, root: allowed(root, settings) }
  const places = [
    `sites.${name}.root in the configuration`,
    ...(settings.rootsFromProject === true ? ['config.roots for this system in the project document'] : []),
  ]
  const neither = `neither ${places.join(' nor ')} nor context.root in the document`
  throw new SyncError('BAD_ROOT', `publish site ${JSON.stringify(name)} has no root: ${neither}`)
}

function allowed(root: Root, { documentRoots }: ProjectSettings): Root {
  for (const each of typeof root === 'string' ? [root] : root.values()) if (documentRoots) assertDocumentRoot(each, documentRoots)
  return root
}

/** What a project document's `config.roots` says for this system: one root, or one for each name; undefined where that is nothing. */
export function rootsFor(roots: unknown, platform: NodeJS.Platform): Root | undefined {
  const system = platform === 'win32' ? 'windows' : platform === 'darwin' ? 'darwin' : 'linux'
  const own = (value: unknown): unknown => {
    const isPerSystem = isPlain(value) && Object.keys(value).some((key) => SYSTEMS.includes(key))
    return isPerSystem ? value[system] : value
  }
  const found = own(roots)
  if (!isPlain(found)) return isPath(found) ? found : undefined
  const named = Object.entries(found).map(([name, value]) => [name, own(value)] as const)
  const usable = named.filter((entry): entry is [string, string] => isPath(entry[1]) && !isBroken(entry[0]))
  return usable.length > 0 ? new Map(usable) : undefined
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !isBroken(value)
}

function rootIn(context: unknown): Root | undefined {
  const root = isPlain(context) ? context['root'] : undefined
  if (typeof root === 'string' && root !== '') return root
  if (!isPlain(root)) return undefined
  const named = Object.entries(root).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return named.length > 0 ? new Map(named) : undefined
}

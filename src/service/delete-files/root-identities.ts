import { displayPath } from '../../model/root-path.ts'
import { alternativesOf } from '../../model/alternatives.ts'
import { projectSettings } from '../../model/project-settings.ts'
import type { Settings } from '../../model/settings.ts'
import type { RootedPath, Site } from '../../model/site.ts'
import { placeKey, rootKey } from '../../model/transfer.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { foldsCase } from '../../providers/registry.ts'
import { inTime } from '../site-content.ts'
import { allSites } from '../site-check.ts'

/** Tells which roots are one place, whatever sites and paths lead to it. */
export class RootIdentities {
  readonly #providers: Pick<ProviderPool, 'get'>
  readonly #signal: AbortSignal
  readonly #known = new Map<string, Promise<string>>()

  constructor(providers: Pick<ProviderPool, 'get'>, signal: AbortSignal) {
    this.#providers = providers
    this.#signal = signal
  }

  /** Texts for a file; two files are one where they share one of them. */
  async keysOf(site: Site, { root, path }: RootedPath): Promise<readonly string[]> {
    const whole = displayPath({ root, path }).replaceAll(/\/{2,}/g, '/')
    // Roots may lie in one another; paths of one machine mean the same for all sites on its disks.
    const scope = site.provider === 'local_drive' ? site.provider : `${site.provider}\0${site.name}`
    return [placeKey(await this.of(site, root), path), placeKey(scope, whole)]
  }

  /** What the storage calls the root; where it does not say, the site's own name for it. */
  async of(site: Site, root: string): Promise<string> {
    const key = rootKey(site.name, root)
    let known = this.#known.get(key)
    if (known === undefined) this.#known.set(key, (known = this.#ask(site, root, key)))
    return await known
  }

  /** The leases under which services write to a place, by all names of its site. */
  async leasesOf(settings: Settings, site: Site, { root, path }: RootedPath): Promise<readonly string[]> {
    const id = await this.of(site, root)
    const roots = new Set([rootKey(site.name, root)])
    const others = allSites(settings).filter(({ provider }) => provider === site.provider)
    for (const other of others) {
      for (const its of typeof other.root === 'string' ? [other.root] : other.root.values()) {
        const isSame = (await this.of(other, its)) === id
        if (isSame || (isAlternative(settings, site.name, other.name) && nameOf(other, its) === nameOf(site, root))) {
          roots.add(rootKey(other.name, its))
        }
      }
    }
    const folds = foldsCase(site) || roots.size > 1
    const keys = [...roots].flatMap((each) => [placeKey(each, path), ...(folds ? [placeKey(each, path, true)] : [])])
    return [...new Set(keys)].toSorted()
  }

  async #ask(site: Site, root: string, key: string): Promise<string> {
    try {
      const provider = await this.#providers.get(site)
      return (await inTime(this.#signal, async (signal) => provider.identify(root, { signal }))) ?? key
    } catch {
      // It can't be told from others then, and neither can it be looked at.
      return key
    }
  }
}

/** Of a root in its site; one that has no name is the only one. */
function nameOf({ root }: Site, path: string): string | undefined {
  return typeof root === 'string' ? undefined : [...root].find(([, each]) => each === path)?.[0]
}

function isAlternative(settings: Settings, one: string, other: string): boolean {
  const scopes = [settings, ...[...settings.projects.overrides.keys()].map((project) => projectSettings(settings, project))]
  return scopes.some((scope) => alternativesOf(scope, one).includes(other))
}

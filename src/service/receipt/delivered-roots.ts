import type { RootedPath, Site } from '../../model/site.ts'
import { rootKey } from '../../model/transfer.ts'

/** A root of a site, as files of the selection lie in it. */
export interface DeliveredRoot {
  readonly site: Site
  readonly root: string
}

/** The roots that files were found in: few, however many files there are. Each has a number. */
export class DeliveredRoots {
  readonly #all: DeliveredRoot[] = []
  readonly #numbers = new Map<string, number>()

  /** Two projects may mean different storages by one name of a site. */
  numberOf(site: Site, { root }: RootedPath): number {
    const key = JSON.stringify([rootKey(site.name, root), site.provider, site.credentialsFile, site.apiEndpoint])
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    this.#numbers.set(key, this.#all.length)
    return this.#all.push({ site, root }) - 1
  }

  at(number: number): DeliveredRoot {
    const found = this.#all[number]
    if (!found) throw new RangeError(`there is no root ${number}`)
    return found
  }
}

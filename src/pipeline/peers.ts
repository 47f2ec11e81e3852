import { sourcesIn, type Transfer } from '../model/transfer.ts'

/** Another instance that is at work on the same database. */
export interface Peer {
  readonly id: string
  /** Sites that it can use now. */
  readonly sites: ReadonlySet<string>
  /** Of these, those that it does not send files to. */
  readonly notServed?: ReadonlySet<string>
  readonly serves: (project: string) => boolean
}

interface Candidate {
  readonly hash: number
  readonly peer: Peer
}

/**
 * Which instance is to do what first. Each place belongs to the live instance with the highest hash of place and instance, among those that
 * can use both ends and serve the project: all instances come to the same answer without asking, and one that joins or leaves changes the
 * owner of no more than its own share. A list that is out of date costs a claim in vain or a moment, never a file.
 */
export class Peers {
  readonly #self: number
  #others: readonly Candidate[] = []
  #known = '[]'

  constructor(self: string) {
    this.#self = hashOf(self)
  }

  /** True when there are others than before, or they can do other things. */
  update(peers: readonly Peer[]): boolean {
    const known = JSON.stringify(
      peers.map(({ id, sites, notServed }) => JSON.stringify([id, [...sites].toSorted(), [...(notServed ?? [])].toSorted()])).toSorted(),
    )
    const isChanged = known !== this.#known
    this.#known = known
    this.#others = peers.map((peer) => ({ peer, hash: hashOf(peer.id) }))
    return isChanged
  }

  /** How many instances share a site, this one among them. */
  sharersOf(site: string): number {
    return 1 + this.#others.filter(({ peer: { sites, notServed } }) => sites.has(site) && notServed?.has(site) !== true).length
  }

  /** Is this instance to do it first? */
  isOurs({ targetKey, project, site, route }: Transfer): boolean {
    if (this.#others.length === 0) return true
    const sources = 'error' in route ? [] : sourcesIn(route)
    const isAnywhere = sources.length === 0 || sources.some(({ sourceSite }) => sourceSite.declared === false)
    const canRead = ({ sites }: Peer): boolean => isAnywhere || sources.some(({ sourceSite }) => sites.has(sourceSite.name))
    const place = hashOf(targetKey)
    const own = mixed(place, this.#self)
    return this.#others.every(({ peer, hash }) => {
      const isAble = peer.sites.has(site) && peer.notServed?.has(site) !== true && canRead(peer) && peer.serves(project)
      return !isAble || mixed(place, hash) < own
    })
  }
}

/** FNV-1a: https://www.rfc-editor.org/rfc/rfc9923 */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** Every bit of both counts: the finalizer of MurmurHash3. */
function mixed(a: number, b: number): number {
  let hash = a ^ b
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

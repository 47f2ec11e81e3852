import type { BigIntStats } from 'node:fs'

import type { Anchor } from './anchor.ts'
import type { Place } from './path-resolver.ts'

interface Held {
  readonly anchor: Anchor
  info?: Promise<BigIntStats>
  users: number
}

/**
 * A folder that several files are written to at once is held once: many writers would else have many of this process's open files. One
 * that has taken the place of a folder in use is another folder, and held by itself.
 */
export class SharedFolders {
  readonly #held = new Map<string, Held>()

  /** The same place; by the anchor that others have of it already, if they have one. */
  async share(place: Place): Promise<Place> {
    const { real } = place.anchor
    const held = this.#held.get(real)
    if (held === undefined) {
      const own: Held = { anchor: place.anchor, users: 1 }
      this.#held.set(real, own)
      return this.#usedBy(own, place.path)
    }
    held.users++
    const shared = this.#usedBy(held, place.path)
    const isSame = await isSameFolder(held, place.anchor)
    const [kept, released] = isSame ? [shared, place] : [place, shared]
    released[Symbol.dispose]()
    return kept
  }

  #usedBy(held: Held, path: string): Place {
    const { anchor } = held
    const release = (): void => {
      if (--held.users > 0) return
      this.#held.delete(anchor.real)
      anchor[Symbol.dispose]()
    }
    return { anchor, path, [Symbol.dispose]: release }
  }
}

async function isSameFolder(held: Held, other: Anchor): Promise<boolean> {
  held.info ??= held.anchor.stat()
  const [one, two] = await Promise.allSettled([held.info, other.stat()])
  return one.status === 'fulfilled' && two.status === 'fulfilled' && one.value.ino === two.value.ino && one.value.dev === two.value.dev
}

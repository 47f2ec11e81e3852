import { get, Problem } from './api.js'
import { listQuery } from './address.js'

const PAGE = 200
/** Pages that are read again to bring the list up to date; whoever is further down is asked first. */
const MOST_AGAIN = 10
/** After this time without an answer it is said that it is being looked for. */
const SLOW_MS = 300

/** A representation as one text, for the address; a project may have a slash in its name. */
export const keyOf = ({ project, id }) => `${encodeURIComponent(project)}/${id}`

export function ofKey(key) {
  const slash = key.indexOf('/')
  return { project: decoded(key.slice(0, slash)), id: key.slice(slash + 1) }
}

/** An address that somebody typed may hold anything; of what is no project it is said that it is not there. */
function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The representations of a query, in the order of the database, as far as they were asked for. */
export class QueueList {
  items = []
  isLoading = false
  /** No answer to what is asked for now, and it takes long: rows that are there are those from before. */
  isSlow = false
  isWhole = false
  /** The last page was short and not the last one: what is left takes long to find. */
  isSparse = false
  fault = undefined
  /** Changed since, beyond what could be put in its place. */
  fresh = 0
  isStale = false
  #sites = new Set()
  #index = new Map()
  #unseen = new Set()
  /** What was told while pages were read: they may be older. */
  #meanwhile = new Map()
  #isStaleMeanwhile = false
  #query = {}
  /** What the rows are the answer to. */
  #rowsOf = undefined
  #cursor = undefined
  #asking = undefined
  #changed

  constructor(changed) {
    this.#changed = changed
  }

  /** That appear in what is loaded. */
  sites() {
    return this.#sites
  }

  /**
   * Begins again with another query, or with the same. What was there stays until the first page came; of another query it goes when that
   * takes long.
   */
  async begin(query, { least = 1 } = {}) {
    const asked = JSON.stringify(listQuery(query))
    const isOther = asked !== this.#rowsOf
    this.#query = query
    this.#asking?.abort()
    const asking = new AbortController()
    this.#asking = asking
    this.isLoading = true
    this.#meanwhile.clear()
    this.#isStaleMeanwhile = false
    this.isSlow = false
    const slow = setTimeout(() => this.#slow(asking, isOther), SLOW_MS)
    this.#changed()
    // One row more than there were may be looked for through everything.
    const wanted = Math.max(1, Math.min(least, this.items.length, MOST_AGAIN * PAGE))
    const items = []
    let cursor
    let isShort
    try {
      do {
        const page = await get('transfers', { ...listQuery(query), limit: PAGE, cursor }, asking.signal)
        items.push(...page.items)
        cursor = page.next_cursor
        isShort = page.items.length < PAGE
      } while (cursor !== null && items.length < wanted)
    } catch (error) {
      return this.#failed(asking, error, isOther)
    } finally {
      clearTimeout(slow)
    }
    if (asking.signal.aborted) return
    this.#clear()
    this.#rowsOf = asked
    this.isStale = this.#isStaleMeanwhile
    this.#append(items, cursor, isShort)
  }

  /** The next page, where there is one and nobody asks for it already. */
  async more() {
    if (this.isLoading || this.isWhole || this.fault || this.items.length === 0) return
    this.isLoading = true
    const asking = this.#asking
    try {
      const page = await get('transfers', { ...listQuery(this.#query), limit: PAGE, cursor: this.#cursor }, asking.signal)
      if (!asking.signal.aborted) this.#append(page.items, page.next_cursor, page.items.length < PAGE)
    } catch (error) {
      this.#failed(asking, error)
    }
  }

  /** Puts representations as they are now in the place of those that are shown. Others are counted, not shown: rows do not move. */
  change(items, gone) {
    if (this.isLoading) {
      for (const item of items) this.#meanwhile.set(keyOf(item), { items: [item], gone: [] })
      for (const each of gone) this.#meanwhile.set(keyOf(each), { items: [], gone: [each] })
    }
    for (const item of items) {
      const at = this.#index.get(keyOf(item))
      if (at !== undefined) this.#put(at, item)
      else if (this.#mayBelong(item)) this.#unseen.add(keyOf(item))
    }
    for (const each of gone) {
      this.#unseen.delete(keyOf(each))
      const at = this.#index.get(keyOf(each))
      if (at !== undefined) this.items[at] = { ...this.items[at], gone: true }
    }
    this.fresh = this.#unseen.size
  }

  /** More changed than is told one by one: also after what is being read now was read, it may be. */
  stale() {
    this.isStale = true
    this.#isStaleMeanwhile = this.isLoading
  }

  #slow(asking, isOther) {
    if (asking.signal.aborted) return
    this.isSlow = true
    // Rows of another query would be taken for what was asked for.
    if (isOther) this.#clear()
    this.#changed()
  }

  #clear() {
    this.items = []
    this.#sites.clear()
    this.#index.clear()
    this.#unseen.clear()
    this.fresh = 0
  }

  #put(at, item) {
    this.items[at] = item
    for (const { site } of item.sites) this.#sites.add(site)
  }

  #append(items, cursor, isShort) {
    for (const item of items) {
      const key = keyOf(item)
      if (this.#index.has(key)) continue
      this.#index.set(key, this.items.length)
      this.#unseen.delete(key)
      this.#put(this.items.length, item)
    }
    this.#cursor = cursor
    this.isWhole = cursor === null
    this.isSparse = isShort && !this.isWhole
    this.isLoading = false
    this.isSlow = false
    this.fault = undefined
    const told = [...this.#meanwhile.values()]
    this.#meanwhile.clear()
    this.change(
      told.flatMap((each) => each.items),
      told.flatMap((each) => each.gone),
    )
    this.#changed()
  }

  #failed(asking, error, isOther = false) {
    if (asking.signal.aborted) return
    if (isOther) this.#clear()
    this.isLoading = false
    this.isSlow = false
    this.#meanwhile.clear()
    this.fault = error instanceof Problem ? error : new Problem(0, String(error.message))
    this.#changed()
  }

  /** Not further down than what was asked for, as far as can be told here; the database has the last word. */
  #mayBelong({ project, id, asset, sites }) {
    const query = this.#query
    if (query.project && project !== query.project) return false
    if (query.asset && asset !== query.asset) return false
    const states = query.state ? query.state.split(',') : undefined
    const isIt = (at) => (!query.site || at.site === query.site) && (!states || states.some((state) => at[state] > 0))
    if (query.state === 'syncing') return false
    if (query.state === 'whole') {
      if (sites.some((at) => at.pending + at.failed + at.exhausted + at.paused > 0)) return false
    } else if ((query.site || states) && !sites.some(isIt)) return false
    if (query.error && !sites.some(({ error }) => error?.toLowerCase().includes(query.error.toLowerCase()))) return false
    if (query.q) return false
    const last = this.items.at(-1)
    if (this.isWhole || !last || project < last.project) return true
    return (query.sort || '-id') === '-id' && project === last.project && id > last.id
  }
}

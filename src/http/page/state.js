import { Activity } from './activity.js'
import { address, ask, get, getFirst, headers } from './api.js'
import { readAddress, writeAddress } from './address.js'
import { followEvents } from './event-stream.js'
import { readProblems } from './problems.js'
import { keyOf, ofKey, QueueList } from './queue-list.js'
import { Running } from './running.js'

const PROBLEMS_MS = 5_000
const SECOND_MS = 1_000
const OLDEST_MS = 30_000

/** Everything that the page shows, and what changes it. Views are drawn anew, once a frame at most, when something did. */
export class State {
  query = readAddress()
  status = undefined
  counts = undefined
  totals = []
  problems = { groups: [], isWhole: true }
  oldest = new Map()
  running = new Running()
  activity = new Activity()
  list = new QueueList(() => this.changed())
  detail = undefined
  selected = new Map()
  dialog = undefined
  actions = new Set(['retry', 'reset', 'add-site', 'remove-site', 'pause', 'resume', 'priority'])
  /** `connecting`, `live`, `lost`, `refused` */
  connection = 'connecting'
  heard = undefined
  /** How often the page was connected. */
  snapshots = 0
  viewAt = 0
  /** Of the data: whoever was drawn with it needs not be drawn again for a scroll alone. */
  epoch = 0
  #draw
  #isDue = false
  #timers = new Map()
  #reconnect = () => {}

  constructor(draw) {
    this.#draw = draw
  }

  changed() {
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      this.epoch++
      this.#draw(this)
    })
  }

  start() {
    this.#reconnect = followEvents({
      event: (kind, data) => this.#event(kind, data),
      heard: () => this.#heard(),
      lost: () => this.#disconnected('lost'),
      refused: () => this.#disconnected('refused'),
    })
    // Speeds fall and times pass without any news.
    setInterval(() => document.visibilityState === 'visible' && this.changed(), SECOND_MS)
    addEventListener('popstate', () => this.#went())
    void this.#readActions()
  }

  /** Looks at something else; the address says so. */
  go(change, options = {}) {
    this.query = { ...this.query, ...change }
    writeAddress(this.query, options)
    this.#follow(change)
  }

  /** A row, opened or closed. */
  open(key) {
    this.go({ open: key === this.query.open ? '' : key }, { replace: true })
  }

  select(item, isSelected) {
    if (isSelected) this.selected.set(keyOf(item), item)
    else this.selected.delete(keyOf(item))
    this.changed()
  }

  deselect() {
    this.selected = new Map()
    this.changed()
  }

  show(dialog) {
    this.dialog = dialog
    this.changed()
  }

  /** After an action, or when somebody asks for what is new. */
  async refresh({ isCounted = false } = {}) {
    this.#later('problems', 0, () => this.#readProblems())
    if (!isCounted) this.#later('counts', 0, () => this.#readCounts())
    if (this.query.open) void this.#readDetail()
    await this.list.begin(this.query, { least: this.viewAt + 1 })
  }

  /** What is asked for takes a token, or another one. */
  get isRefused() {
    return this.connection === 'refused' || this.list.fault?.needsToken === true
  }

  /** A token was given. */
  signIn() {
    this.list.fault = undefined
    this.#reconnect()
    void this.#readActions()
    void this.refresh()
  }

  #went() {
    this.query = readAddress()
    this.#follow({ q: this.query.q, open: this.query.open })
  }

  #follow(change) {
    const isList = Object.keys(change).some((key) => key !== 'open' && key !== 'view')
    if (isList) {
      this.selected = new Map()
      void this.list.begin(this.query)
    }
    if ('open' in change) void this.#readDetail()
    this.changed()
  }

  /** That nothing changed is news as well: what is shown is as things are now. */
  #heard() {
    if (this.connection === 'live') this.heard = Date.now()
  }

  #event(kind, data) {
    if (kind === 'snapshot') this.#snapshot(data)
    else if (kind === 'sites') this.status = data
    else if (kind === 'projects') this.#counted(data.projects, data.totals)
    else if (kind === 'activity') this.activity.change(data)
    else if (kind === 'speeds') this.activity.tellSpeeds(data.speeds)
    else if (kind === 'running') this.running.change(data.running, data.ended)
    else if (kind === 'reload') this.list.stale()
    else if (kind === 'representations') this.#representations(data)
    this.changed()
  }

  #snapshot({ running, projects, totals, throughput, step_seconds, ended, speeds, ...status }) {
    this.connection = 'live'
    this.snapshots++
    this.heard = Date.now()
    this.status = status
    this.running.reset(running)
    this.activity.reset({ throughput, step_seconds, ended, speeds })
    if (projects) this.#counted(projects, totals)
    // What changed before is not told: what is shown is read now, at first as after a lost connection.
    void this.refresh({ isCounted: projects !== undefined })
  }

  #representations({ items, gone }) {
    this.list.change(items, gone)
    if ([...items, ...gone].some((each) => keyOf(each) === this.query.open)) this.#later('detail', 500, () => this.#readDetail())
    this.#later('problems', PROBLEMS_MS, () => this.#readProblems())
  }

  #disconnected(how) {
    // Nothing was read yet: why it can't be, or what there is without news.
    if (this.connection === 'connecting') void this.refresh()
    this.connection = how
    this.running.reset([])
    this.activity.lost()
    this.changed()
  }

  async #readActions() {
    const described = await ask(address('openapi.json'), { headers: headers() }).catch(() => undefined)
    if (described?.paths)
      this.actions = new Set(Object.keys(described.paths).flatMap((path) => /\/actions\/([\w-]+)$/.exec(path)?.[1] ?? []))
    this.changed()
  }

  async #readProblems() {
    this.problems = await readProblems()
  }

  async #readCounts() {
    const { items, totals } = await get('projects')
    this.#counted(items, totals)
  }

  #counted(counts, totals = []) {
    this.counts = counts
    this.totals = totals
    this.#later('oldest', this.oldest.size === 0 ? 0 : OLDEST_MS, () => this.#readOldest())
  }

  /** The oldest of each site that is waited for, where ids tell when a document was made. */
  async #readOldest() {
    const sites = [...new Set((this.counts ?? []).filter(({ pending }) => pending > 0).map(({ site }) => site))]
    const found = sites.map(async (site) => [site, await getFirst('transfers', { site, state: 'pending', sort: 'id' })])
    this.oldest = new Map(await Promise.all(found))
  }

  async #readDetail() {
    const key = this.query.open
    if (!key) {
      this.detail = undefined
      return
    }
    const { project, id } = ofKey(key)
    if (this.detail?.key !== key) this.detail = { key }
    const path = `representations/${encodeURIComponent(project)}/${encodeURIComponent(id)}`
    const answer = await get(path).then(
      (found) => ({ found }),
      (fault) => ({ fault }),
    )
    if (this.query.open === key) this.detail = { key, ...answer }
    this.changed()
  }

  /** Once, however often it is asked for meanwhile; a fault is told by the connection, and it is asked again with the next news. */
  #later(name, ms, work) {
    if (this.#timers.has(name)) return
    const run = async () => {
      await work().catch(() => {})
      this.#timers.delete(name)
      this.changed()
    }
    this.#timers.set(name, setTimeout(run, ms))
  }
}

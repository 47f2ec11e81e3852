import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

import { pageFiles } from '../../src/http/page-files.ts'
import { detailOf, isSelected, matches, sortItems, type FakeItem } from './fake-items.ts'

/** What the service answers about itself; tests change it. */
export interface FakeWorld {
  items: FakeItem[]
  status: { instances: object[]; pauses: object[]; closed: object[]; sites: object[] }
  projects: object[]
  totals: object[]
  running: object[]
  /** The last hour of all instances. */
  activity: { throughput: object[]; step_seconds: number; ended: object[]; speeds: object[] }
  audit: object[]
  /** Reads take one as well. */
  isPrivate: boolean
  /** What it can be asked to do. */
  actions?: readonly string[]
  /** Items of a page, whatever was asked for: a list of any length in one answer. */
  pageSize?: number
  /** The events begin when it is settled. */
  eventsAfter?: Promise<void>
}

export const TOKEN = 'site-sync-token-of-anna'

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const LISTED = new Set(['project', 'site', 'state', 'asset', 'error', 'q', 'sort', 'cursor', 'limit'])
const ACTIONS = ['retry', 'reset', 'pause', 'resume', 'priority', 'add-site', 'remove-site']
const SELECTABLE = new Set(['representation', 'project', 'asset', 'subset', 'version', 'name', 'site', 'state', 'error', 'all'])

class Refusal extends Error {
  readonly status: number
  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

/** The API in the shapes of the service, of data that a test has made; what is no part of it is refused. */
export class FakeApi implements AsyncDisposable {
  world: FakeWorld
  readonly done: { readonly action: string; readonly body: Record<string, unknown> }[] = []
  readonly refused: string[] = []
  /** How often the events were asked for. */
  eventsAsked = 0
  #server: Server | undefined
  #port = 0
  readonly #viewers = new Set<ServerResponse>()

  constructor(world: FakeWorld) {
    this.world = world
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  /** At the same port again, when it was stopped. */
  async start(): Promise<void> {
    const files = await pageFiles()
    const server = createServer((request, response) => {
      response.setHeader('content-security-policy', POLICY)
      response.setHeader('cache-control', 'no-store')
      const url = new URL(request.url ?? '/', 'http://fake')
      const file = files.get(url.pathname)
      if (file) return void response.setHeader('content-type', file.type).end(file.body)
      void this.#answer(request, url, response).catch((error: unknown) => this.#refuse(request, response, error))
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
    this.#viewers.clear()
    this.#server = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get viewers(): number {
    return this.#viewers.size
  }

  /** Tells everybody who looks on. */
  tell(kind: 'sites' | 'projects' | 'running' | 'activity' | 'speeds' | 'representations' | 'reload', data: object = {}): void {
    for (const viewer of this.#viewers) viewer.write(eventText(kind, data))
  }

  /** The events end, and the last that is heard is that nothing happened. */
  endEvents(): void {
    for (const viewer of this.#viewers) viewer.end(': heartbeat\n\n')
  }

  async #answer(request: IncomingMessage, url: URL, response: ServerResponse): Promise<void> {
    const { pathname } = url
    const isAction = pathname.startsWith('/api/v1/actions/')
    if (request.method !== (isAction ? 'POST' : 'GET')) throw new Refusal(404, `there is no ${request.method} of this address`)
    if ((isAction || this.world.isPrivate) && request.headers.authorization !== `Bearer ${TOKEN}`)
      throw new Refusal(401, request.headers.authorization === undefined ? 'a bearer token is needed' : 'the token is not known')
    if (pathname === '/api/v1/events') {
      this.eventsAsked++
      await this.world.eventsAfter
      return this.#look(response)
    }
    send(response, 200, isAction ? await this.#act(pathname.slice(16), request) : this.#read(pathname, url.searchParams))
  }

  #read(pathname: string, params: URLSearchParams): object {
    const { items, status, projects, audit, actions = ACTIONS } = this.world
    if (pathname === '/openapi.json') return { paths: Object.fromEntries(actions.map((name) => [`/api/v1/actions/${name}`, {}])) }
    if (pathname === '/api/v1/status') return { ...status, projects }
    if (pathname === '/api/v1/projects') return { items: projects, next_cursor: null, totals: this.world.totals }
    if (pathname === '/api/v1/audit') return { items: audit, next_cursor: null }
    if (pathname === '/api/v1/transfers') return listed(this.#shown(params), params, this.world.pageSize)
    const [, project, id] = /^\/api\/v1\/representations\/([^/]+)\/([^/]+)$/.exec(pathname)?.map(decodeURIComponent) ?? []
    const item = items.find((each) => each.id === id && each.project === project)
    if (!item) throw new Refusal(404, 'there is no such thing')
    return detailOf(item)
  }

  #shown(params: URLSearchParams): readonly FakeItem[] {
    const { items, running } = this.world
    const state = params.get('state')
    if (state !== 'syncing' && state !== 'whole') return items
    params.delete('state')
    const moving = new Set(running.map((each) => (each as { representation: string }).representation))
    return items.filter((item) => (state === 'syncing' ? moving.has(item.id) : item.sites.every((at) => at.state === 'synced')))
  }

  #look(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.once('close', () => this.#viewers.delete(response))
    const { status, projects, totals, running, activity } = this.world
    response.write(`retry: 2000\n\n${eventText('snapshot', { ...status, ...activity, projects, totals, running })}`)
    this.#viewers.add(response)
  }

  async #act(action: string, request: IncomingMessage): Promise<object> {
    if (!ACTIONS.includes(action)) throw new Refusal(404, 'there is no such action')
    const body = (await json(request)) as Record<string, unknown>
    const { selection, dry_run: dryRun = false, ...options } = body as { selection: Record<string, string>; dry_run?: boolean }
    const unknown = [
      ...Object.keys(selection).filter((key) => !SELECTABLE.has(key)),
      ...Object.keys(options).filter((key) => !(action === 'priority' ? ['priority'] : ['for', 'until', 'why']).includes(key)),
    ]
    if (unknown.length > 0 || Object.keys(selection).length === 0) throw new Refusal(400, `not understood: ${unknown.join(', ')}`)
    if (!dryRun) this.done.push({ action, body })
    const isWide = (action === 'pause' || action === 'resume') && Object.keys(selection).every((key) => key === 'site' || key === 'project')
    if (isWide)
      return {
        action,
        records: 0,
        representations: 0,
        pauses: [{ ...selection, who: 'anna', ...options }],
        still_paused: [],
        dry_run: dryRun,
      }
    const counts = this.world.items.map((item) => isSelected(item, action, selection)).filter((records) => records > 0)
    const records = counts.reduce((sum, each) => sum + each, 0)
    return {
      action,
      records,
      representations: counts.length,
      looked: counts.length,
      skipped: 0,
      refused: 0,
      interrupted: false,
      dry_run: dryRun,
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const status = error instanceof Refusal ? error.status : 500
    const detail = (error as Error).message
    if (status !== 401) this.refused.push(`${request.method} ${request.url}: ${detail}`)
    response.setHeader('content-type', 'application/problem+json; charset=utf-8')
    response.writeHead(status).end(JSON.stringify({ type: 'about:blank', title: 'Error', status, detail }))
  }
}

/** What a query found of how many items: a page after the other would otherwise sort everything again. */
let latest:
  | { readonly of: readonly FakeItem[]; readonly count: number; readonly query: string; readonly found: readonly FakeItem[] }
  | undefined

function findItems(items: readonly FakeItem[], params: URLSearchParams): readonly FakeItem[] {
  const filter = new URLSearchParams([...params].filter(([key]) => key !== 'cursor' && key !== 'limit'))
  const query = filter.toString()
  if (latest?.of === items && latest.count === items.length && latest.query === query) return latest.found
  const found = sortItems(
    items.filter((item) => matches(item, filter)),
    filter.get('sort') ?? 'id',
  )
  latest = { of: items, count: items.length, query, found }
  return found
}

function listed(items: readonly FakeItem[], params: URLSearchParams, pageSize?: number): object {
  for (const key of params.keys()) if (!LISTED.has(key)) throw new Refusal(400, `unknown: ${key}`)
  const limit = Number(params.get('limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) throw new Refusal(400, 'limit: a whole number from 1 to 200')
  const found = findItems(items, params)
  const from = Number(params.get('cursor')?.slice(1) ?? 0)
  const next = from + (pageSize ?? limit)
  return { items: found.slice(from, next), next_cursor: next < found.length ? `p${next}` : null }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

const eventText = (kind: string, data: object): string => `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`

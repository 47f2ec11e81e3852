import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import { describe, expect, test } from 'vitest'

import type { ProjectOverride } from '../../src/model/settings.ts'
import type { Site } from '../../src/model/site.ts'
import { ForwardingProvider } from '../../src/pipeline/forwarding-provider.ts'
import type { ByteSource, Provider } from '../../src/providers/provider.ts'
import type { ServiceOptions } from '../../src/service/service.ts'
import { KINDS, openDirections, type Directions } from '../support/direction-kinds.ts'
import { driveService, openDriveStage } from '../support/drive-stage.ts'
import { entry, representation, T0, type Representation } from '../support/published.ts'
import { waitFor } from '../support/wait-for.ts'

const MIB = 1024 * 1024
const PAIRS = Object.entries(KINDS).flatMap(([from, source]) =>
  Object.entries(KINDS).map(([to, target]) => [from, to, source, target] as const),
)

/** What goes on at one site. */
interface Traffic {
  /** Bytes that were read from it. */
  read: number
  /** Bytes that a write to it was given. */
  taken: number
  /** Reads and writes under way now, and the most there were at once. */
  now: number
  peak: number
}

/** A site whose traffic is measured. `pace` is awaited before each piece that a write is given, and with nothing when a read or write begins. */
class MeasuredSite extends ForwardingProvider {
  readonly #traffic: Traffic
  readonly #pace: ((piece?: number) => Promise<void>) | undefined

  constructor(inner: Provider, traffic: Traffic, pace?: (piece?: number) => Promise<void>) {
    super(inner)
    this.#traffic = traffic
    this.#pace = pace
  }

  override async read(...args: Parameters<Provider['read']>): Promise<Readable> {
    const leave = this.#enter()
    await this.#pace?.()
    const stream = await super.read(...args).catch((error: unknown) => {
      leave()
      throw error
    })
    const traffic = this.#traffic
    async function* counted(): AsyncGenerator<Buffer> {
      try {
        for await (const piece of stream as AsyncIterable<Buffer>) {
          traffic.read += piece.length
          yield piece
        }
      } finally {
        leave()
      }
    }
    return Readable.from(counted(), { objectMode: false })
  }

  override async write(...[path, source, options]: Parameters<Provider['write']>): ReturnType<Provider['write']> {
    const leave = this.#enter()
    try {
      await this.#pace?.()
      return await super.write(path, this.#paced(source), options)
    } finally {
      leave()
    }
  }

  #enter(): () => void {
    const traffic = this.#traffic
    traffic.peak = Math.max(traffic.peak, ++traffic.now)
    return () => void traffic.now--
  }

  #paced(source: ByteSource): ByteSource {
    const [traffic, pace] = [this.#traffic, this.#pace]
    async function* paced(stream: Readable): AsyncGenerator<Buffer> {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        await pace?.(piece.length)
        traffic.taken += piece.length
        yield piece
      }
    }
    const { size, modified, version } = source
    return {
      size,
      modified,
      ...(version !== undefined && { version }),
      open: async (...args) => Readable.from(paced(await source.open(...args)), { objectMode: false }),
      checksum: async (...args) => await source.checksum(...args),
      learn: (...args) => source.learn?.(...args),
      assertUnchanged: async () => await source.assertUnchanged(),
    }
  }
}

const noTraffic = (): Traffic => ({ read: 0, taken: 0, now: 0, peak: 0 })

/** The service of these directions with both sites measured. */
function measured(
  { service }: Directions,
  traffic: Readonly<Record<string, Traffic>>,
  paces: Readonly<Record<string, (piece?: number) => Promise<void>>> = {},
): Partial<ServiceOptions> {
  return {
    ...service,
    async openProvider(...[site, context]) {
      const provider = await service.openProvider?.(site, context)
      if (provider === undefined) throw new Error('no provider')
      const own = traffic[site.name]
      return own === undefined ? provider : new MeasuredSite(provider, own, paces[site.name])
    },
  }
}

/** Nothing is read any more, however long it is waited. */
async function stalled(traffic: Traffic): Promise<void> {
  let before = -1
  let quiet = 0
  await waitFor('the source to stand still', async () => {
    quiet = traffic.read === before ? quiet + 1 : 0
    before = traffic.read
    await delay(5)
    return quiet > 10
  })
}

describe.each(PAIRS)('from %s to %s', (_from, _to, source, target) => {
  test('a fast source is read no further ahead than a few pieces of what a slow target has taken', { timeout: 60_000 }, async () => {
    const directions = await openDirections({ a: source, b: target })
    const { stage } = directions
    const content = randomBytes(24 * MIB)
    await source.put(stage, 'a', 'plate.exr', content)
    const traffic = { a: noTraffic(), b: noTraffic() }
    const ahead: number[] = []
    // Each of some pieces is held until the source has read all that it will.
    const pace = async (piece?: number): Promise<void> => {
      if (piece === undefined || traffic.b.taken > content.length / 2 || ahead.length >= 8) return
      await stalled(traffic.a)
      ahead.push(traffic.a.read - traffic.b.taken)
    }
    const document = representation([entry('{root[work]}/plate.exr', { studio: { paused: true }, a: { created_dt: T0 }, b: {} })])
    await stage.stage.insert(document)
    const running = await stage.stage.start(measured(directions, traffic, { b: pace }))
    await stage.stage.synced(document, { site: 'b', withinMs: 45_000 })
    expect((await target.get(stage, 'b', 'plate.exr'))?.equals(content)).toBe(true)
    expect([traffic.b.taken, ahead.length]).toEqual([content.length, 8])
    expect(Math.max(...ahead)).toBeLessThanOrEqual(content.length / 4)
    await running.stop()
  })
})

/** Files that go both ways between `a`, a Drive with so many slots, and `b`; `a` is declared in general, or by the project alone. */
async function bothWays(concurrency: number, declaredBy: string): Promise<Traffic> {
  const { Drive: a, memory: b } = KINDS
  if (!a || !b) throw new Error('no such kinds')
  const directions = await openDirections({ b, a })
  const { stage, service } = directions
  const { settings } = service
  if (!settings) throw new Error('no settings')
  const own = { ...(settings.sites.get('a') as Site), concurrency }
  const sites = new Map(settings.sites).set('b', { ...(settings.sites.get('b') as Site), concurrency: 8 })
  const overrides = new Map<string, ProjectOverride>()
  if (declaredBy === 'all') sites.set('a', own)
  else {
    sites.delete('a')
    overrides.set('prj', { sites: new Map([['a', own]]) })
  }
  const traffic = { a: noTraffic(), b: noTraffic() }
  const documents: Representation[] = []
  for (let n = 0; n < 8; n++) {
    const [from, to] = n % 2 === 1 ? (['b', 'a'] as const) : (['a', 'b'] as const)
    await (from === 'b' ? b : a).put(stage, from, `${n}.exr`, randomBytes(600_000))
    const records = { studio: { paused: true }, [from]: { created_dt: T0 }, [to]: {} }
    documents.push(representation([entry(`{root[work]}/${n}.exr`, records)]))
  }
  await stage.stage.insert(...documents)
  const limited = { ...service, settings: { ...settings, sites, projects: { ...settings.projects, overrides } } }
  const full = async (): Promise<void> => void (await waitFor('all slots to be used', () => traffic.a.peak >= concurrency))
  const running = await stage.stage.start(measured({ ...directions, service: limited }, traffic, { a: full }))
  for (const [n, document] of documents.entries()) await stage.stage.synced(document, { site: n % 2 === 1 ? 'a' : 'b' })
  await waitFor('the end of all of it', () => traffic.a.now === 0 && traffic.b.now === 0)
  await running.stop()
  return traffic.a
}

describe.each(['all', 'the project alone'])('a site that is declared for %s', (declaredBy) => {
  test('with one slot: of what is read from it and written to it, one at a time is under way', { timeout: 60_000 }, async () => {
    expect((await bothWays(1, declaredBy)).peak).toBe(1)
  })

  test('with three slots: they are used, and no more', { timeout: 60_000 }, async () => {
    expect((await bothWays(3, declaredBy)).peak).toBe(3)
  })
})

test('the order of "sources" is that of the project', async () => {
  const { memory } = KINDS
  if (!memory) throw new Error('memory')
  const directions = await openDirections({ target: memory, a: memory, b: memory })
  const { stage, service, noted } = directions
  const { settings } = service
  if (!settings) throw new Error('no settings')
  for (const site of ['a', 'b']) await memory.put(stage, site, 'x', Buffer.from('the file'))
  const overrides = new Map([['other', { sources: ['b'] }]])
  const running = await stage.stage.start({
    ...service,
    settings: { ...settings, sources: ['a'], projects: { ...settings.projects, overrides } },
  })
  const read = { prj: 'a', other: 'b' }
  for (const [project, from] of Object.entries(read)) {
    const sites = { studio: { paused: true }, a: { created_dt: T0 }, b: { created_dt: T0 }, target: {} }
    const document = representation([entry('{root[work]}/x', sites)])
    await stage.stage.project(project).insertOne(document)
    await stage.stage.synced(document, { site: 'target', project })
    expect([from, noted.get('a')?.reads.length ?? 0, noted.get('b')?.reads.length ?? 0]).toEqual([from, 1, project === 'prj' ? 0 : 1])
    stage.stage.spy('target').store.files.clear()
  }
  await running.stop()
})

test('a file of Drive that a search does not know of yet is brought by the id in its record', async () => {
  const { stage, drive, w } = await openDriveStage({ drive: { searchLagMs: 3_600_000, longestPage: 2 } })
  for (const name of ['x', 'y', 'z']) drive.addFile(name, name, { parent: w })
  const id = drive.addFile('new.exr', 'the file', { parent: w })
  await mkdir(stage.studioPath(''), { recursive: true })
  const document = representation([entry('{root[work]}/new.exr', [{ name: 'studio' }, { name: 'gdrive', created_dt: T0, id }])])
  await stage.insert(document)
  const running = await stage.start(driveService(stage, { largeFolder: 2 }))
  await stage.synced(document, { site: 'studio' })
  expect(await readFile(stage.studioPath('new.exr'), 'utf8')).toBe('the file')
  await running.stop()
})

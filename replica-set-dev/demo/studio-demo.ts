import type { Collection } from 'mongodb'

import { table } from '../../src/commands/table.ts'
import { printable } from '../../src/logging/printable.ts'
import { fileEntries, idPlain, type RepresentationDocument } from '../../src/model/document.ts'
import { shellWord } from '../../src/model/shell-word.ts'
import { readSites } from '../../src/model/site-record.ts'
import { givenUri } from '../given-uri.ts'
import type { DemoOptions } from './command.ts'
import { freeProjectName, openDatabase } from './demo-database.ts'
import { demoFolder, demoGuard, removeFolder } from './demo-folder.ts'
import { labelOf, type Publish } from './demo-project.ts'
import type { Journal } from './journal.ts'
import { pause, untilAborted } from './pause.ts'
import { durationText } from './progress-line.ts'
import { Publisher } from './publisher.ts'
import { runningService, type RunningService } from './running-service.ts'
import type { Screen } from './screen.ts'
import { showProgress } from './show-progress.ts'
import { CHAIN, folderOf, ORIGIN, writeMachines, type Machine } from './studio-machines.ts'

/** Without any news of a transfer for this long, what is still pending is not waited for. */
const PATIENCE_MS = 30_000
const LOOK_EVERY_MS = 100

/**
 * Two workstations and a server share a database. What Anna publishes goes to the cloud, from there to the server, from there to Ben;
 * in between the server is switched off. Resolves with whether all arrived.
 */
export async function runStudioDemo({ once, keep, verbose }: DemoOptions, screen: Screen, signal: AbortSignal): Promise<boolean> {
  await using stack = new AsyncDisposableStack()
  const guard = demoGuard(stack, screen)
  const dir = await demoFolder(guard, keep)
  stack.defer(async () => {
    if (!keep) await removeFolder(dir)
    screen.print(keep ? `Kept: ${printable(dir)}` : `Removed: the project and ${printable(dir)} (--keep leaves the files)`)
  })
  const own = givenUri()
  const machines = await writeMachines(dir, own)
  const { client, uri, description } = await openDatabase({ uri: own, stack, screen, signal })
  const [{ settings: any } = { settings: undefined }] = machines
  const db = client.db(any?.mongo.database)
  const project = await freeProjectName(db, folderOf(dir, ORIGIN))
  const collection = db.collection<RepresentationDocument>(project)
  stack.defer(async () => void (keep || (await collection.drop())))
  for (const line of openingLines(machines, description)) screen.print(line)

  const studio = new Studio({ machines, uri, project, collection, screen, verbose, stack, signal })
  const place = { project, publishSite: ORIGIN, targets: CHAIN, rootName: 'work', folder: folderOf(dir, ORIGIN) }
  const publisher = new Publisher(db, place)
  for (const machine of machines) studio.start(machine)
  await studio.ready()
  const half = Math.ceil(publisher.publishes.length / 2)
  screen.print('\nAnna publishes:')
  await studio.publish(publisher, publisher.publishes.slice(0, half))
  await studio.wait(publisher, CHAIN)

  screen.print('\nThe server is switched off, and Anna goes on:')
  await studio.stop('server')
  await studio.publish(publisher, publisher.publishes.slice(half))
  await studio.wait(publisher, ['cloud'])
  screen.print('\nAll of it is in the cloud, and no further. The server is switched on:')
  for (const machine of machines) if (machine.name === 'server') studio.start(machine)
  await studio.ready()
  const isComplete = await studio.wait(publisher, CHAIN)

  screen.print(`\n${await studio.table(publisher)}\n`)
  screen.print(isComplete ? 'All as it should be: each file is at each site.' : 'Not as it should be: some files did not arrive.')
  if (once) return isComplete
  const env = own === undefined ? `SITE_SYNC_MONGO_URI=${shellWord(uri)} ` : ''
  screen.print('\nWatching; Ctrl-C ends it and removes what the demo made. Meanwhile, in another terminal:')
  for (const { config } of machines) screen.print(`  ${env}npm run -s site-sync -- status --config ${shellWord(config)}`)
  return await untilAborted(studio.signal)
}

function openingLines(machines: readonly Machine[], database: string): string[] {
  return [
    'Site Sync demo: a studio',
    `  database   ${database}`,
    ...machines.map(({ name, serves, settings }) => {
      const from = [...settings.sites.keys()].filter((site) => site !== serves)
      return `  ${name.padEnd(9)}  reaches ${[...settings.sites.keys()].join(' and ')}; brings files from ${from.join(', ')} to ${serves}`
    }),
  ].map(printable)
}

interface StudioParts {
  readonly machines: readonly Machine[]
  readonly uri: string
  readonly project: string
  readonly collection: Collection<RepresentationDocument>
  readonly screen: Screen
  readonly verbose: boolean
  readonly stack: AsyncDisposableStack
  readonly signal: AbortSignal
}

/** The machines, as long as they are switched on. */
class Studio {
  readonly #parts: StudioParts
  readonly #running = new Map<string, RunningService>()
  /** What each has done, also before it was switched off. */
  readonly #journals = new Map<string, Journal[]>()

  constructor(parts: StudioParts) {
    this.#parts = parts
    const { screen, stack } = parts
    stack.defer(showProgress(screen, () => [...this.#running.values()].flatMap(({ attempts }) => attempts)))
  }

  /** Aborted when the demo is to end, or when a service ended by itself. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#parts.signal, ...[...this.#running.values()].map(({ signal }) => signal)])
  }

  start({ name, settings }: Machine): void {
    const { uri, project, screen, verbose, stack, signal } = this.#parts
    const own = { ...settings, mongo: { ...settings.mongo, uri }, projects: { ...settings.projects, include: [project] } }
    const service = runningService({ settings: own, screen, verbose, machine: name, stack, signal })
    this.#running.set(name, service)
    this.#journals.set(name, [...(this.#journals.get(name) ?? []), service.journal])
  }

  async stop(name: string): Promise<void> {
    await this.#running.get(name)?.stop()
    this.#running.delete(name)
  }

  async ready(): Promise<void> {
    const all = Promise.all([...this.#running.values()].map(async ({ journal }) => await journal.ready))
    await Promise.race([all, untilAborted(this.signal)])
  }

  async publish(publisher: Publisher, publishes: readonly Publish[]): Promise<void> {
    for (const each of publishes) {
      this.#parts.screen.print(`  anna   publishes ${labelOf(each.representation)}`)
      await publisher.publish(each)
    }
  }

  /** Until all that was published is at these sites. False when nothing moves any more. */
  async wait(publisher: Publisher, sites: readonly string[]): Promise<boolean> {
    const began = performance.now()
    for (;;) {
      const found = await this.#arrivals(publisher)
      if (found.every(({ missing }) => sites.every((site) => missing.get(site) === 0))) return true
      const news = Math.max(began, ...[...this.#running.values()].map(({ journal }) => journal.lastNews))
      if (performance.now() - news > PATIENCE_MS) return false
      await pause(LOOK_EVERY_MS, this.signal)
    }
  }

  /** One row a representation: when its last file was at each site, since the publish. */
  async table(publisher: Publisher): Promise<string> {
    const rows = (await this.#arrivals(publisher)).map(({ label, files, missing, lastMs }) => [
      printable(label),
      String(files),
      ...CHAIN.map((site) => {
        const last = lastMs.get(site)
        if (missing.get(site) !== 0) return `${missing.get(site)} of ${files} not there`
        return last === undefined ? 'there' : durationText(last)
      }),
    ])
    return table(['representation', 'files', ...CHAIN.map((site) => `publish → ${site}`)], rows)
  }

  /** In the order of publishing. */
  async #arrivals({ publishedAt }: Publisher): Promise<readonly Arrival[]> {
    const { collection } = this.#parts
    const documents = await collection.find({ type: 'representation' }, { readConcern: 'majority' }).toArray()
    const journals = [...this.#journals.values()].flat()
    const order = [...publishedAt.keys()]
    return documents
      .map((document) => arrivalOf(document, journals, publishedAt))
      .toSorted((one, other) => order.indexOf(one.id) - order.indexOf(other.id))
  }
}

/** A representation, and by site how many of its files are not there yet, and when the last one came, in milliseconds since the publish. */
interface Arrival {
  readonly id: string
  readonly label: string
  readonly files: number
  readonly missing: ReadonlyMap<string, number>
  readonly lastMs: ReadonlyMap<string, number>
}

function arrivalOf(document: RepresentationDocument, journals: readonly Journal[], publishedAt: ReadonlyMap<string, number>): Arrival {
  const id = idPlain(document._id)
  const published = publishedAt.get(id)
  const entries = fileEntries(document)
  const missing = new Map<string, number>()
  const lastMs = new Map<string, number>()
  for (const site of CHAIN) {
    const isThere = (entry: Record<string, unknown>): boolean =>
      readSites(entry['sites'])
        .records.get(site)
        ?.some(({ created }) => created) === true
    missing.set(site, entries.filter((entry) => !isThere(entry)).length)
    const times = entries.flatMap((entry) => journals.flatMap((journal) => journal.timesOf(id, idPlain(entry['_id']), site).syncedAt ?? []))
    if (times.length > 0 && published !== undefined) lastMs.set(site, Math.max(...times) - published)
  }
  return { id, label: labelOf(document as unknown as Publish['representation']), files: entries.length, missing, lastMs }
}

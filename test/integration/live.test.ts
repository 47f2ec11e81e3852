import { expect, onTestFinished, test } from 'vitest'

import type { Settings } from '../../src/model/settings.ts'
import type { Activity, EndedTransfer, SiteSpeed } from '../../src/model/activity.ts'
import { openInspection, type Inspection } from '../../src/service/inspection.ts'
import { Live, type LiveEvent } from '../../src/service/live.ts'
import { ProjectTotalsReader } from '../../src/service/project-totals.ts'
import { RecordFeed } from '../../src/service/record-feed.ts'
import { connect } from '../../src/streams/connect.ts'
import type { ReportedTransfer } from '../../src/streams/state-database.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

type Kind = LiveEvent['kind']
type EventOf<K extends Kind> = Extract<LiveEvent, { readonly kind: K }>

/** Somebody looks on already; a further one may be shown how things were a moment ago. */
class Looking {
  readonly events: LiveEvent[] = []
  running: readonly ReportedTransfer[] = []
  ended: readonly EndedTransfer[] = []
  speeds: readonly SiteSpeed[] = []
  readonly now: Inspection
  readonly live: Live
  readonly #before: Inspection
  #inspection: Inspection

  private constructor(now: Inspection, before: Inspection, feed: RecordFeed) {
    this.now = this.#inspection = now
    this.#before = before
    const activity = (): Activity => ({ minute: Math.floor(Date.now() / 60_000), sites: [], ended: this.ended })
    this.live = new Live({
      feed,
      reader: { read: async () => await Promise.resolve([]), readFile: async () => await Promise.resolve(undefined) },
      totals: new ProjectTotalsReader(),
      running: () => this.running,
      watched: () => undefined,
      instance: 'this',
      activity: { read: activity, speeds: () => this.speeds },
      inspection: async () => await Promise.resolve(this.#inspection),
      send: (event) => this.events.push(event),
      signal: new AbortController().signal,
    })
  }

  static async open(stage?: Stage): Promise<Looking> {
    stage ??= await Stage.open()
    const connections = connect(stage.uri)
    await connections.open()
    const { settings } = stage
    // A state database in which nothing has happened.
    const untouched = { ...settings, mongo: { ...settings.mongo, stateDatabase: settings.mongo.database } }
    const both = await Promise.all([settings, untouched].map(async (each) => await openInspection({ settings: each, connections })))
    const feed = new RecordFeed(connections, settings.mongo.database)
    const looking = new Looking(both[0] as Inspection, both[1] as Inspection, feed)
    onTestFinished(async () => {
      looking.live.stop()
      feed[Symbol.dispose]()
      for (const { providers } of both) await providers[Symbol.asyncDispose]()
      await connections[Symbol.asyncDispose]()
    })
    looking.live.start()
    return looking
  }

  /** What one is shown whose snapshot was read before anything happened that others have been told of meanwhile. */
  async late(): Promise<object> {
    this.#inspection = this.#before
    const asked = this.live.snapshot()
    this.#inspection = this.now
    return await asked
  }

  /** The configuration is another one from now on. */
  reload(settings: Partial<Settings>): void {
    this.#inspection = { ...this.now, settings: { ...this.now.settings, ...settings } }
  }

  async until<K extends Kind>(kind: K, is: (event: EventOf<K>) => boolean, after = 0): Promise<void> {
    const found = (): boolean => this.events.slice(after).some((event) => event.kind === kind && is(event as EventOf<K>))
    await waitFor(`an event ${kind}`, found, { seen: () => this.events.slice(after) })
  }
}

const isPaused = ({ pauses }: EventOf<'sites'>): boolean => pauses.length > 0
const hasGivenUp =
  (count: number) =>
  ({ projects }: EventOf<'projects'>): boolean =>
    projects.reduce((sum, { exhausted }) => sum + exhausted, 0) === count
const isFast = ({ speeds }: EventOf<'speeds'>): boolean => speeds.length > 0

const transfer = (id: string): ReportedTransfer => {
  const subject = { project: PROJECT, representation: 'r', file: 'f', path: '{root[work]}/a', site: 'gdrive' }
  return { id, ...subject, bytes: 1, size: 2 }
}

test('what a snapshot shows under way is told to have ended, though it began after the last difference was told', async () => {
  const looking = await Looking.open()
  await looking.live.snapshot()
  looking.running = [transfer('short')]
  const snapshot = await looking.live.snapshot()
  expect(snapshot).toMatchObject({ running: [{ id: 'short' }] })
  looking.running = []
  await looking.until('running', ({ ended }) => ended.includes('short'))
})

test('what was told of sites while a snapshot was read is told again', async () => {
  const looking = await Looking.open()
  await looking.live.snapshot()
  await looking.now.controls.pause({ site: 'gdrive', who: 'anna', since: new Date() })
  await looking.until('sites', isPaused)
  const told = looking.events.length
  expect(await looking.late()).toMatchObject({ pauses: [] })
  await looking.until('sites', isPaused, told)
})

test('another configuration: lists are to be read again, and what is open is counted again', { timeout: 60_000 }, async () => {
  const stage = await Stage.open()
  const { retryCount } = stage.settings
  await stage.publish('tried', { tries: retryCount, error: 'the disk is full' })
  const looking = await Looking.open(stage)
  await looking.until('projects', hasGivenUp(1))
  const told = looking.events.length
  looking.reload({ retryCount: retryCount + 1 })
  await looking.until('reload', () => true, told)
  await looking.until('projects', hasGivenUp(0), told)
  expect(looking.events.slice(told).filter(({ kind }) => kind === 'reload')).toHaveLength(1)
})

test('so is what was told of transfers that ended, and of speeds', async () => {
  const looking = await Looking.open()
  await looking.live.snapshot()
  const { id, ...subject } = transfer('ended')
  const ended: EndedTransfer = { id, ...subject, at: new Date(), outcome: 'synced', ms: 5 }
  looking.ended = [ended]
  looking.speeds = [{ site: 'gdrive', bytes_per_second: 5 }]
  const isTold = ({ ended: all }: EventOf<'activity'>): boolean => all.some((each) => each.id === id)
  await looking.until('activity', isTold)
  await looking.until('speeds', isFast)
  const told = looking.events.length
  looking.ended = []
  looking.speeds = []
  expect(await looking.live.snapshot()).toMatchObject({ ended: [], speeds: [] })
  looking.ended = [ended]
  looking.speeds = [{ site: 'gdrive', bytes_per_second: 5 }]
  await looking.until('activity', isTold, told)
  await looking.until('speeds', isFast, told)
})

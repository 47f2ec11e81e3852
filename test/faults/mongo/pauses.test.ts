import { expect, test } from 'vitest'

import { controlStore } from '../../../src/streams/control-store.ts'
import { serverTime } from '../../../src/streams/scan.ts'
import { ownSet } from '../../support/own-set.ts'
import { entry, inArray, representation, type Representation } from '../../support/published.ts'
import type { Running, Stage } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const own = ownSet({})

/** Nothing but the end of a pause asks for a scan. */
const QUIET = { sites: [{ name: 'nas' }], settings: { loopDelaySeconds: 3_600 } }
const LONG = { withinMs: 60_000 }

interface Paused {
  readonly stage: Stage
  readonly running: Running
  /** It waits for the paused site. */
  readonly waiting: Representation
  /** It is on its way to another site. */
  readonly underWay: Representation
}

/** A service that obeys a pause of `gdrive`, and is sending a file to `nas`. */
async function paused(lastsMs?: number): Promise<Paused> {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  await running.lines.until('scan.finished')
  const since = await serverTime(stage.state)
  const until = lastsMs === undefined ? {} : { until: new Date(since.getTime() + lastsMs) }
  await controlStore(stage.state, stage.db.databaseName).pause({ site: 'gdrive', who: 'anna@ws', since, ...until })
  await running.lines.until('controls.paused')
  const waiting = await stage.publish('waiting.ma')
  stage.spy('nas').hold()
  const underWay = await wanting(stage, 'under-way.ma', 'nas')
  await waitFor('the upload', () => stage.spy('nas').writes.now > 0)
  return { stage, running, waiting, underWay }
}

async function wanting(stage: Stage, path: string, ...sites: readonly string[]): Promise<Representation> {
  await stage.file(path)
  const document = representation([entry(`{root[work]}/${path}`, inArray(...sites))])
  await stage.insert(document)
  return document
}

/** The result of what was under way waits for MongoDB. */
async function untilLost({ stage, running }: Paused): Promise<void> {
  stage.spy('nas').release()
  await running.lines.until('database.lost', 1, LONG)
}

test('MongoDB is frozen during a pause: it holds until somebody resumes it', async () => {
  const all = await paused()
  const { stage, running, waiting, underWay } = all
  const [member] = own.set.members
  if (!member) throw new Error('there is no member')
  await own.set.freeze(member)
  try {
    await untilLost(all)
  } finally {
    await own.set.thaw(member)
  }
  await own.set.primary()
  await running.lines.until('database.recovered', 1, LONG)
  await stage.synced(underWay, { site: 'nas', ...LONG })
  const later = await wanting(stage, 'later.ma', 'gdrive', 'nas')
  await stage.synced(later, { site: 'nas', ...LONG })
  expect(running.lines.count('controls.resumed')).toBe(0)
  expect(stage.spy().uploads).toEqual([])
  await controlStore(stage.state, stage.db.databaseName).resume([{ site: 'gdrive' }])
  for (const document of [waiting, later]) expect(await stage.synced(document, LONG)).not.toHaveProperty('tries')
  expect(running.lines.count('controls.resumed')).toBe(1)
  await running.stop()
}, 120_000)

test('MongoDB is killed during a pause whose time ends meanwhile: it holds as long as nobody answers, and ends then', async () => {
  const LASTS_MS = 6_000
  const all = await paused(LASTS_MS)
  const { stage, running, waiting, underWay } = all
  const since = performance.now()
  const [member] = own.set.members
  if (!member) throw new Error('there is no member')
  await own.set.stopMember(member, 'SIGKILL')
  await untilLost(all)
  await waitFor('the time of the pause to be over', () => performance.now() - since > LASTS_MS + 1_000, LONG)
  expect(running.lines.count('controls.resumed')).toBe(0)
  expect(stage.spy().uploads).toEqual([])
  await own.set.startMember(member)
  await own.set.primary()
  await running.lines.until('controls.resumed', 1, LONG)
  for (const [document, site] of [
    [waiting, 'gdrive'],
    [underWay, 'nas'],
  ] as const)
    expect(await stage.synced(document, { site, ...LONG })).not.toHaveProperty('tries')
  await running.stop()
}, 120_000)

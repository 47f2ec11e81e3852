import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { noise } from '../../contract/provider-suite/harness.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { filesBelow, mirrorRecords, openMirrorStage, type MirrorStage } from '../../support/mirror-stage.ts'
import { expectMarked, publishFiles } from '../../support/pending-files.ts'
import { entry, inArray, inObject, representation, type Representation, type SiteRecordJson } from '../../support/published.ts'
import { PROJECT, Stage, type Running } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const MEBIBYTE = 1024 * 1024
const SIZE = 24 * MEBIBYTE
const HALF = SIZE / 2
/** What is read and not written yet when a transfer stops. */
const ON_ITS_WAY = 4 * MEBIBYTE
const CONTENT = noise(SIZE)
const RECORD: SiteRecordJson = { tries: 1, error: 'e', last_failed_dt: new Date('2024-01-02T03:04:05.678Z'), mine: 'kept' }

const SHAPES = [
  { shape: 'array', sites: inArray({ name: 'mirror', ...RECORD }), at: 'files.0.sites.1' },
  { shape: 'object', sites: inObject({ mirror: RECORD }), at: 'files.0.sites.mirror' },
] as const

/** A production with one large file, whose source stops giving bytes at half of it until `go`, and counts them. */
async function halfway(sites: unknown) {
  const all = await openMirrorStage()
  const source = { bytes: 0, stopped: Promise.withResolvers<void>(), go: Promise.withResolvers<void>() }
  await all.stage.file('a.mov', CONTENT)
  const document = representation([entry('{root[work]}/a.mov', sites)])
  await all.stage.insert(document)
  const afterChunk = async (_: unknown, at: number, bytes: number): Promise<void> => {
    source.bytes += bytes
    if (at < HALF) return
    source.stopped.resolve()
    await source.go.promise
  }
  return { all, source, document, start: async (): Promise<Running> => await all.start({ studio: { afterChunk } }) }
}

async function change({ stage }: MirrorStage, { _id }: Representation, update: object): Promise<void> {
  expect((await stage.db.collection(PROJECT).updateOne({ _id }, update)).modifiedCount).toBe(1)
}

const leftAt = async ({ mirror }: MirrorStage): Promise<string[]> => await readdir(mirror)

/** In object shape a record has no name of its own. */
const named = (record: unknown): unknown => ({ name: 'mirror', ...(record as object) })

async function expectDone(all: MirrorStage, document: Representation, sentBytes: number): Promise<void> {
  const record = await all.stage.synced(document, { site: 'mirror' })
  expect(named(record)).toEqual({ name: 'mirror', created_dt: expect.any(Date) as Date, id: 'a.mov', mine: 'kept' })
  expect(await filesBelow(all.mirror)).toEqual(['a.mov'])
  expect((await readFile(join(all.mirror, 'a.mov'))).equals(CONTENT)).toBe(true)
  expect(sentBytes).toBeGreaterThanOrEqual(SIZE)
  expect(sentBytes).toBeLessThanOrEqual(SIZE + ON_ITS_WAY)
}

describe.each(SHAPES)('case 41: $shape shape, a large file on its way to a disk', ({ sites, at }) => {
  test('is paused: it stops, no try is spent; unpaused, it goes on from there', async () => {
    const { all, source, document, start } = await halfway(sites)
    const running = await start()
    await source.stopped.promise
    const before = source.bytes
    await change(all, document, { $set: { [`${at}.paused`]: true } })
    expect((await running.lines.until('transfer.released')).message).toContain('paused')
    source.go.resolve()
    expect(source.bytes - before).toBeLessThanOrEqual(ON_ITS_WAY)
    expect((await mirrorRecords(all.stage, document)).map(named)).toEqual([{ name: 'mirror', ...RECORD, paused: true }])
    expect(await leftAt(all)).toEqual([expect.stringMatching(/^\.site-sync-/)])
    await change(all, document, { $unset: { [`${at}.paused`]: '' } })
    await all.stage.synced(document, { site: 'mirror' })
    await running.stop()
    await expectDone(all, document, source.bytes)
  })

  test('is stopped with its service: the next one goes on from there', async () => {
    const { all, source, document, start } = await halfway(sites)
    const first = await start()
    await source.stopped.promise
    first.service.force()
    await first.ended
    source.go.resolve()
    expect(first.lines.unpaired()).toEqual([])
    expect((await mirrorRecords(all.stage, document)).map(named)).toEqual([{ name: 'mirror', ...RECORD }])
    const second = await start()
    await all.stage.synced(document, { site: 'mirror' })
    await second.stop()
    await expectDone(all, document, source.bytes)
  })

  test('is not wanted any more: nothing is left of it', async () => {
    const { all, source, document, start } = await halfway(sites)
    const running = await start()
    await source.stopped.promise
    await change(all, document, at.endsWith('mirror') ? { $unset: { [at]: '' } } : { $pull: { 'files.0.sites': { name: 'mirror' } } })
    await running.lines.until('transfer.dropped')
    source.go.resolve()
    expect(await leftAt(all)).toEqual([])
    await running.stop()
  })
})

test('kill -9 of a copy that is under way: the next process goes on from what was saved, in both shapes', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { general: { lease_seconds: 4, loop_delay: 3_600 } })
  const victim = await InstanceProcess.start(config, { plan: { bytesPerSecond: 4 * MEBIBYTE } })
  const documents = await publishFiles(stage, 'crash', 2, { sites: ['mirror'], bytes: 40 * MEBIBYTE })
  const saved = async (): Promise<number[]> => {
    const leases = await stage.state.collection('leases').find().toArray()
    return leases.map(({ session }) => (session as { bytes?: number } | undefined)?.bytes ?? 0)
  }
  await waitFor('progress that is saved', async () => (await saved()).filter((bytes) => bytes > 4 * MEBIBYTE).length === 2, {
    withinMs: 20_000,
    seen: saved,
  })
  await victim.kill()
  const known = Math.min(...(await saved()))
  const next = await InstanceProcess.start(config)
  await expectMarked(stage, documents, 'mirror', 20_000)
  await next.stop()
  expect(next.opened).toHaveLength(2)
  for (const { fromByte } of next.opened) expect(fromByte).toBeGreaterThanOrEqual(known)
  expect(next.lines.count('transfer.failed')).toBe(0)
  expect(await filesBelow(join(stage.dir, 'mirror'))).toEqual(['crash/x.0000.exr', 'crash/x.0001.exr'])
}, 60_000)

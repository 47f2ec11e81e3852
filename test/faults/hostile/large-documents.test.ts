import { Binary, BSON, ObjectId, type Collection } from 'mongodb'
import { describe, expect, test } from 'vitest'

import { busyMeter } from '../../support/busy-meter.ts'
import { entry, inArray, inObject, representation, T0, type Representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const HOSTILE = 'hostile'
const DONE = { name: 'mirror', created_dt: T0 }
const others = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `elsewhere${n}`, created_dt: T0 }))

interface Large {
  readonly what: string
  readonly make: () => Representation
  /** Where the record of a file stands that will be synced; nothing else is written. */
  readonly synced?: string
  /** Its records are written to, since its files can't be sent. */
  readonly isFailing?: true
}

/** All of them near the 16 MB that a document may have, or of as many parts as fit. */
const LARGE: readonly Large[] = [
  {
    what: '5,000 sites in each of 50 files',
    synced: 'files.0.sites.1',
    make: () =>
      representation(
        Array.from({ length: 50 }, (_, n) =>
          entry(n === 0 ? '{root[work]}/a.exr' : `{root[work]}/${n}`, [...inArray(n === 0 ? 'mirror' : DONE), ...others(5_000)]),
        ),
      ),
  },
  {
    what: 'a site map of 800,000 entries',
    synced: 'files.0.sites.mirror',
    make() {
      const sites = Object.fromEntries(Array.from({ length: 800_000 }, (_, n): [string, object] => [`s${n.toString(36)}`, {}]))
      return representation([entry('{root[work]}/a.exr', { ...sites, ...inObject({ mirror: {} }) })])
    },
  },
  { what: '800,000 strings for sites', make: () => representation([entry('{root[work]}/a', Array<string>(800_000).fill('studio'))]) },
  { what: 'a million files that are null', make: () => representation(Array<null>(1_000_000).fill(null)) },
  {
    what: '100,000 files of one _id',
    make() {
      const _id = new ObjectId()
      return representation(Array.from({ length: 100_000 }, () => ({ _id, path: '{root[work]}/x', sites: [DONE] })))
    },
  },
  {
    what: '15 MB of something else',
    make: () => representation([entry('{root[work]}/y', inArray(DONE))], { blob: new Binary(Buffer.alloc(15_000_000)) }),
  },
  {
    what: 'a path of 6 MB',
    make: () => representation([entry(`{root[work]}/${'long/'.repeat(1_200_000)}a`, inArray('mirror'))]),
  },
  {
    what: 'a file whose _id has 5 MB',
    make: () => representation([{ ...entry('{root[work]}/a.exr', inArray('mirror')), _id: 'i'.repeat(5_000_000) }]),
  },
  {
    what: '50,000 files, all pending',
    isFailing: true,
    make: () => representation(Array.from({ length: 50_000 }, (_, n) => entry(`{root[work]}/none/f.${n}.exr`, inArray('mirror')))),
  },
]

describe('a document with', { timeout: 120_000 }, () => {
  test.for(LARGE)(
    '$what: nobody waits for it, other projects are served, nothing but the records that are due is written',
    async (large: Large) => {
      const stage = await Stage.open()
      const meter = await busyMeter(stage.dir)
      await stage.file('a.exr')
      const config = await writeConfig(stage, { general: { loop_delay: 2 } })
      const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'], meter.env)
      await service.lines.until('service.ready', 1, { withinMs: 30_000 })
      // What comes now counts, not the start of the process.
      service.signal('SIGUSR2')
      const hostile = stage.project(HOSTILE)
      const document = large.make()
      await hostile.insertOne(document)
      for (let n = 0; n < 2; n++) {
        await stage.file(`other/${n}`)
        const other = representation([entry(`{root[work]}/other/${n}`, inArray('mirror'))])
        await stage.insert(other)
        // The server itself takes seconds for a write to such a document; whoever has no slot waits for one.
        await stage.synced(other, { site: 'mirror', withinMs: 40_000 })
        await service.lines.scanned()
      }
      if (large.synced !== undefined) await expectSynced(hostile, document._id, large.synced)
      if (large.isFailing) await expectFailing(hostile, document._id)
      else await expectKept(stage, document)
      service.signal('SIGTERM')
      expect(await service.end(40_000)).toBe(0)
      expect(service.fault).toBeUndefined()
      expect(await meter.longest()).toBeLessThan(15 * millisecondsToRead(800_000))
    },
  )
})

/** What nobody is spared: so long this machine, as it is now, is busy with reading a document of so many strings. */
function millisecondsToRead(strings: number): number {
  const document = BSON.serialize({ files: Array<string>(strings).fill('studio') })
  const began = process.threadCpuUsage()
  BSON.deserialize(document)
  const { user, system } = process.threadCpuUsage(began)
  return (user + system) / 1_000
}

type Hostile = Collection<Representation>

/** Takes back what was written, and takes the document out of the service's sight. */
async function expectSynced(hostile: Hostile, _id: ObjectId, at: string): Promise<void> {
  const filter = { _id, [`${at}.created_dt`]: { $type: 'date' }, [`${at}.id`]: 'a.exr' }
  const found = async (): Promise<boolean> => (await hostile.countDocuments(filter)) === 1
  await waitFor('the record', found)
  const { modifiedCount } = await hostile.updateOne(filter, {
    $unset: { [`${at}.created_dt`]: '', [`${at}.id`]: '' },
    $set: { type: 'kept' },
  })
  expect(modifiedCount).toBe(1)
}

async function expectFailing(hostile: Hostile, _id: ObjectId): Promise<void> {
  const record = { name: 'mirror', tries: { $gte: 1 }, error: { $type: 'string' }, last_failed_dt: { $type: 'date' } }
  const found = async (): Promise<boolean> => (await hostile.countDocuments({ _id, 'files.sites': { $elemMatch: record } })) === 1
  await waitFor('the reason', found)
}

/** To the byte; what was synced is no representation any more. */
async function expectKept(stage: Stage, document: Representation): Promise<void> {
  const raw = await stage.raw(document, HOSTILE)
  const as = (type: string): boolean => raw?.equals(BSON.serialize({ ...document, type })) === true
  expect([as('representation'), as('kept')]).toContain(true)
}

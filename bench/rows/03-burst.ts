import type { Document } from 'mongodb'

import type { Representation } from '../../test/support/published.ts'
import type { Row } from '../row.ts'
import { BenchServer, type Production } from '../support/bench-server.ts'
import { BenchService } from '../support/bench-service.ts'
import { now } from '../support/clock.ts'
import { CostPerFile } from '../support/cost-per-file.ts'
import { assertSynced, oneFileEach, publishAtOnce } from '../support/publishing.ts'

/** At once, on both sides. */
const AT_ONCE = 32
/** A service has run for long: so many come before the burst. */
const WARM = 1_000

export const row: Row = {
  number: 3,
  title: 'A burst of one-file representations, files in memory: bookkeeping alone.',
  async run({ quick, runs, say }) {
    const count = quick ? 2_000 : 20_000
    const ours: number[] = []
    const theirs: number[] = []
    let costs = ''
    await using server = await BenchServer.start()
    for (let run = quick ? 1 : 0; run <= runs; run++) {
      say(`row 3: ${run === 0 ? 'warm-up' : `run ${run} of ${runs}`}: ${count} representations, ours and one by one`)
      const our = await measureOurs(server, count)
      const their = await measureTheirs(server, count)
      if (run === 0) continue
      ours.push(our.perSecond)
      theirs.push(their)
      ;({ costs } = our)
    }
    return {
      comparisons: [
        {
          what: `burst of ${count.toLocaleString('en-US')} representations`,
          unit: 'files/s',
          ours,
          baseline: `the driver, \`updateOne\` one by one, ${AT_ONCE} at once`,
          theirs,
          goal: { of: 'ratio', bound: 'at least', limit: 1 },
        },
      ],
      notes: [
        `Ours: a service that has done ${WARM.toLocaleString('en-US')} before; time runs from the first insert of the burst (batches of 1,000) until the last \`created_dt\` is acknowledged, so it includes the publishing. The baseline finds all documents there and only writes.`,
        `Both work on ${AT_ONCE} files at once. Files are 1 KiB in memory, but read, compared and claimed as any others.`,
        `A file costs ${costs}.`,
      ],
      leftOut: [],
    }
  },
}

async function measureOurs(server: BenchServer, count: number): Promise<{ perSecond: number; costs: string }> {
  const production = await server.production()
  const documents = oneFileEach(count)
  const sites = { mirror: { provider: 'local_drive', concurrency: AT_ONCE, root: { work: production.mirror } } }
  await using service = await BenchService.start(production, { memory: true, sites })
  await publishAtOnce(production, oneFileEach(WARM, 'warm'))
  await service.ended(WARM)
  const cost = await CostPerFile.begin(server, service)
  const from = now()
  await publishAtOnce(production, documents)
  const to = await service.ended(WARM + count)
  const costs = await cost.end(count)
  await assertSynced(production)
  await service.noted()
  await server.drop(production)
  return { perSecond: (count * 1_000) / (to - from), costs }
}

async function measureTheirs(server: BenchServer, count: number): Promise<number> {
  const production = await server.production()
  const documents = oneFileEach(count)
  await publishAtOnce(production, documents)
  const from = now()
  const queue = documents.values()
  await Promise.all(Array.from({ length: AT_ONCE }, async () => writeOneByOne(production, queue)))
  const to = now()
  await assertSynced(production)
  await server.drop(production)
  return (count * 1_000) / (to - from)
}

async function writeOneByOne({ collection }: Production, queue: Iterable<Representation>): Promise<void> {
  const record = 'files.0.sites.1'
  const update: Document = { $set: { [`${record}.id`]: 'x' }, $currentDate: { [`${record}.created_dt`]: true } }
  for (const { _id } of queue) {
    await collection.updateOne({ _id }, update)
  }
}

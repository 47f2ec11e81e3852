import { BSON } from 'mongodb'

import { entry, inArray, representation, type Representation } from '../../test/support/published.ts'
import type { Row } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { BenchService } from '../support/bench-service.ts'
import { now } from '../support/clock.ts'
import { CostPerFile } from '../support/cost-per-file.ts'
import { assertSynced, oneFileEach, publishAtOnce } from '../support/publishing.ts'

const FRAMES = 1_000
/** The same for both. */
const AT_ONCE = 32

export const row: Row = {
  number: 12,
  title: 'A sequence of 1,000 frames in one document, files in memory: bookkeeping alone.',
  async run({ quick, runs, say }) {
    const ours: number[] = []
    const theirs: number[] = []
    const costs = { ours: '', theirs: '' }
    await using server = await BenchServer.start()
    const production = await server.production()
    const sites = { mirror: { provider: 'local_drive', concurrency: AT_ONCE, root: { work: production.mirror } } }
    await using service = await BenchService.start(production, { memory: true, sites })
    let done = 0
    const measure = async (documents: Representation[]): Promise<{ perSecond: number; costs: string }> => {
      const cost = await CostPerFile.begin(server, service)
      const from = now()
      await publishAtOnce(production, documents)
      const to = await service.ended((done += FRAMES))
      const each = await cost.end(FRAMES)
      await assertSynced(production)
      await service.noted()
      return { perSecond: (FRAMES * 1_000) / (to - from), costs: each }
    }
    for (let run = quick ? 1 : 0; run <= runs; run++) {
      say(`row 12: ${run === 0 ? 'warm-up' : `run ${run} of ${runs}`}: one document, and ${FRAMES}`)
      const our = await measure([sequence(run)])
      const their = await measure(oneFileEach(FRAMES, `single${run}`))
      if (run === 0) continue
      ours.push(our.perSecond)
      theirs.push(their.perSecond)
      costs.ours = our.costs
      costs.theirs = their.costs
    }
    return {
      comparisons: [
        {
          what: 'one representation with 1,000 frames',
          unit: 'files/s',
          ours,
          baseline: '1,000 representations with one file',
          theirs,
          goal: { of: 'ratio', bound: 'at least', limit: 1 },
        },
      ],
      notes: [
        `Both by the same running service, ${AT_ONCE} files at once, from the first insert to the last acknowledged \`created_dt\`; the document has ${Math.round(BSON.calculateObjectSize(sequence(0)) / 1_000)} kB.`,
        `A frame of the sequence costs ${costs.ours}; a single file ${costs.theirs}.`,
      ],
      leftOut: [],
    }
  },
}

function sequence(run: number): Representation {
  const frames = Array.from({ length: FRAMES }, (_, n) =>
    entry(`{root[work]}/sequence${run}/v001/x.${String(n).padStart(4, '0')}.exr`, inArray('mirror')),
  )
  return representation(frames)
}

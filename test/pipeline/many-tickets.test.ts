import { lastValueFrom, NEVER, of, Subject, toArray } from 'rxjs'
import { expect, test } from 'vitest'

import { syncPipeline, type PipelineParts } from '../../src/pipeline/sync-pipeline.ts'
import { TransferQueue } from '../../src/pipeline/transfer-queue.ts'
import { transferOf } from '../support/model-samples.ts'

test('the end comes also when ten thousand tickets find nothing to do any more', async () => {
  const queue = new TransferQueue({ mostPerSite: 10_000 })
  const stop$ = new Subject<void>()
  const first$ = new Subject<never>()
  let passes = 0
  const parts: PipelineParts<never> = {
    changes$: NEVER,
    scans$: NEVER,
    look: { keyOf: String, merge: (former) => former, run: () => [], batch: 1, most: 1, overflowed: () => {} },
    queue,
    take: (site) => queue.take(site),
    // The first one keeps the only slot until the end; the others wait behind it.
    gates: { enter: () => (passes++ === 0 ? first$ : of({ report: () => {} })) },
    steps: { claim: () => NEVER, transfer: () => NEVER, verify: () => NEVER, writeBack: () => NEVER, keepLease: (_held, work) => work },
    limitOf: () => 1,
    unexpected: () => {},
    settled: () => {},
    changed: () => {},
    stop$,
  }
  const ended = lastValueFrom(syncPipeline(parts).pipe(toArray()))
  const transfers = Array.from({ length: 10_000 }, (_, index) => transferOf({ key: `t${index}`, targetKey: `p${index}` }))
  queue.admit({ representationKey: 'r', transfers, occasion: {}, changed: false })
  stop$.next()
  queue.close()
  first$.complete()
  expect(await ended).toEqual([])
  expect(passes).toBe(10_000)
})

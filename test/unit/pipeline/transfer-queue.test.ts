import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Occasion } from '../../../src/model/eligibility.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import { TransferQueue, type RunningTransfer } from '../../../src/pipeline/transfer-queue.ts'
import { transferOf } from '../../support/model-samples.ts'

interface Watched {
  readonly queue: TransferQueue
  readonly tickets: string[]
  readonly room: string[]
  readonly idle: number[]
}

function watched(mostPerSite = 10): Watched {
  const queue = new TransferQueue({ mostPerSite })
  const seen: Watched = { queue, tickets: [], room: [], idle: [] }
  queue.tickets$.subscribe((site) => seen.tickets.push(site))
  queue.room$.subscribe((site) => seen.room.push(site))
  queue.idle$.subscribe(() => seen.idle.push(1))
  return seen
}

function admit(queue: TransferQueue, transfers: readonly Transfer[], occasion: Occasion = {}, changed = false): void {
  queue.admit({ representationKey: 'r', transfers, occasion, changed })
}

const taken = (queue: TransferQueue, site = 'gdrive'): RunningTransfer => queue.take(site) as RunningTransfer

describe('tickets', () => {
  test('one each time a transfer becomes available, none for one that is known', () => {
    const { queue, tickets } = watched()
    const [a, b] = [transferOf(), transferOf({ site: 'nas' })]
    admit(queue, [a, b])
    admit(queue, [a, b, { ...a, priority: 99 }])
    expect(tickets).toEqual(['gdrive', 'nas'])
  })

  test('none for what is not due', () => {
    const { queue, tickets } = watched()
    const failed = transferOf({ tries: 1, lastFailed: new Date(1_000) })
    admit(queue, [failed])
    expect(tickets).toEqual([])
    admit(queue, [failed], { retryFailedBefore: new Date(2_000) })
    expect(tickets).toEqual(['gdrive'])
  })

  test('another one when a replaced transfer had to leave is not needed: its ticket serves the newcomer', () => {
    const { queue, tickets } = watched(1)
    admit(queue, [transferOf({ key: 'a', priority: 10 }), transferOf({ key: 'b', priority: 90 })])
    expect(tickets).toEqual(['gdrive'])
    expect(taken(queue).transfer.key).toBe('b')
    expect(queue.take('gdrive')).toBeUndefined()
  })
})

describe('running', () => {
  test('what runs is not queued again; that its document changed meanwhile is remembered', () => {
    const { queue, tickets } = watched()
    const a = transferOf()
    admit(queue, [a])
    const running = taken(queue)
    admit(queue, [a], {}, false)
    expect(running.changed).toBe(false)
    admit(queue, [a], {}, true)
    admit(queue, [a], {}, false)
    expect(running.changed).toBe(true)
    expect(tickets).toHaveLength(1)
    expect([...queue.running.keys()]).toEqual([a.key])
  })

  test('when it is done, it can come again', () => {
    const { queue, tickets } = watched()
    const a = transferOf()
    admit(queue, [a])
    queue.done(taken(queue))
    expect(queue.running.size).toBe(0)
    admit(queue, [a])
    expect(tickets).toHaveLength(2)
  })

  test('nothing of an unknown site', () => {
    expect(watched().queue.take('nowhere')).toBeUndefined()
  })
})

describe('one place at a time', () => {
  test('a transfer to a place that is being written to waits for its end, and others go on', () => {
    const { queue, tickets } = watched()
    const [a, twin, b] = [transferOf({ targetKey: 'here' }), transferOf({ targetKey: 'here' }), transferOf()]
    admit(queue, [a, twin, b])
    const first = taken(queue)
    expect(taken(queue).transfer).toBe(b)
    expect(queue.take('gdrive')).toBeUndefined()
    expect(queue.isIdle).toBe(false)
    queue.done(first)
    expect(tickets).toHaveLength(4)
    expect(taken(queue).transfer).toBe(twin)
  })

  test('one that waits so is not queued twice', () => {
    const { queue, tickets } = watched()
    const [a, twin] = [transferOf({ targetKey: 'here' }), transferOf({ targetKey: 'here' })]
    admit(queue, [a, twin])
    const first = taken(queue)
    queue.take('gdrive')
    admit(queue, [twin])
    expect(tickets).toHaveLength(2)
    queue.done(first)
    expect(tickets).toHaveLength(3)
  })

  test('what waits for a place at one site leaves the others their room', () => {
    const { queue, tickets } = watched(2)
    const twins = Array.from({ length: 3 }, () => transferOf({ targetKey: 'here' }))
    admit(queue, twins.slice(0, 2))
    taken(queue)
    queue.take('gdrive')
    admit(queue, twins.slice(2))
    queue.take('gdrive')
    expect(queue.queuedAt('gdrive')).toBe(0)
    admit(queue, [transferOf({ site: 'nas' })])
    expect(queue.hasRoom('gdrive')).toBe(false)
    expect(queue.hasRoom('nas')).toBe(true)
    expect(tickets).toContain('nas')
  })
})

describe('room', () => {
  test('after turning away, it is told once when half of the queue is free', () => {
    const { queue, room } = watched(4)
    admit(
      queue,
      Array.from({ length: 6 }, () => transferOf()),
    )
    expect(queue.hasRoom('gdrive')).toBe(false)
    expect(queue.hasRoom('gdrive', 51)).toBe(true)
    queue.done(taken(queue))
    expect(room).toEqual([])
    queue.done(taken(queue))
    expect(room).toEqual(['gdrive'])
    queue.done(taken(queue))
    expect(room).toEqual(['gdrive'])
  })

  test('who was told that there is none hears of it, also when nothing was turned away', () => {
    const { queue, room } = watched(4)
    admit(
      queue,
      Array.from({ length: 4 }, () => transferOf()),
    )
    expect(queue.hasRoom('gdrive')).toBe(false)
    queue.done(taken(queue))
    queue.done(taken(queue))
    expect(room).toEqual(['gdrive'])
  })

  test('nothing was turned away: nobody needs to know', () => {
    const { queue, room } = watched(4)
    admit(
      queue,
      Array.from({ length: 4 }, () => transferOf()),
    )
    for (let running = queue.take('gdrive'); running; running = queue.take('gdrive')) queue.done(running)
    expect(room).toEqual([])
  })

  test('one that had to leave for a more urgent one was turned away as well', () => {
    const { queue, room } = watched(1)
    admit(queue, [transferOf({ priority: 10 }), transferOf({ priority: 90 })])
    queue.done(taken(queue))
    expect(room).toEqual(['gdrive'])
  })
})

describe('idle', () => {
  test('it is told when the last one is done', () => {
    const { queue, idle } = watched()
    expect(queue.isIdle).toBe(true)
    admit(queue, [transferOf(), transferOf({ site: 'nas' })])
    queue.done(taken(queue))
    expect(idle).toHaveLength(0)
    const last = taken(queue, 'nas')
    expect(queue.isIdle).toBe(false)
    queue.done(last)
    expect(queue.isIdle).toBe(true)
    expect(idle).toHaveLength(1)
  })

  test('forgetting what is queued for a site may be the end of the work', () => {
    const { queue, idle, room } = watched(1)
    admit(queue, [transferOf(), transferOf()])
    queue.clear('gdrive')
    expect(idle).toHaveLength(1)
    expect(queue.take('gdrive')).toBeUndefined()
    expect(room).toEqual([])
  })

  test('what waits for a place is forgotten with its site', () => {
    const { queue, tickets } = watched()
    const twins = Array.from({ length: 2 }, () => transferOf({ targetKey: 'here' }))
    admit(queue, twins)
    const first = taken(queue)
    queue.take('gdrive')
    queue.clear('gdrive')
    queue.done(first)
    expect(tickets).toHaveLength(2)
    expect(queue.isIdle).toBe(true)
  })
})

describe('what is held back', () => {
  test('is not admitted; what was admitted before is forgotten, and that may be the end of the work', () => {
    const held = new Set<string>()
    const queue = new TransferQueue({ mostPerSite: 2, isHeldBack: ({ key }) => held.has(key) })
    const idle: number[] = []
    const room: string[] = []
    queue.idle$.subscribe(() => idle.push(1))
    queue.room$.subscribe((site) => room.push(site))
    const [a, b, c] = [transferOf({ path: 'a' }), transferOf({ path: 'b' }), transferOf({ path: 'c' })] as const
    admit(queue, [a, b, c])
    held.add(a.key).add(b.key)
    expect([queue.take('gdrive'), queue.isIdle, idle, room]).toEqual([undefined, true, [1], ['gdrive']])
    admit(queue, [a, c])
    expect(taken(queue).transfer).toBe(c)
    expect(queue.take('gdrive')).toBeUndefined()
    held.clear()
    admit(queue, [a])
    expect(taken(queue).transfer).toBe(a)
  })
})

describe('closing', () => {
  test('what is queued is forgotten, nothing new is taken, what runs ends as it will', () => {
    const { queue, tickets, room } = watched(2)
    const twins = Array.from({ length: 2 }, () => transferOf({ targetKey: 'here' }))
    admit(queue, twins)
    const running = taken(queue)
    queue.take('gdrive')
    admit(queue, [transferOf(), transferOf(), transferOf()])
    queue.close()
    expect(queue.hasRoom('gdrive', 1_000)).toBe(false)
    expect(queue.take('gdrive')).toBeUndefined()
    const before = tickets.length
    admit(queue, [transferOf()])
    queue.done(running)
    expect(tickets).toHaveLength(before)
    expect(room).toEqual([])
    expect(queue.isIdle).toBe(true)
  })
})

type Step = { readonly admit: readonly [n: number, priority: number] } | { readonly take: string } | { readonly done: number }

const SITES = ['gdrive', 'nas'] as const
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ admit: fc.tuple(fc.nat(15), fc.constantFrom(10, 50, 90)) }) },
  { weight: 3, arbitrary: fc.record({ take: fc.constantFrom(...SITES) }) },
  { weight: 2, arbitrary: fc.record({ done: fc.nat(10) }) },
)

/** Number `n`: its site, and one of four places there. */
const numbered = (n: number, priority: number): Transfer => {
  const site = SITES[n % 2] as string
  return transferOf({ key: `k${n}`, site, priority, targetKey: `${site}/${Math.floor(n / 2) % 4}`, project: `P${n % 3}` })
}

test('whatever happens: no place twice at once, bounds kept, and what came is taken or was told to have been turned away', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 100 }), (most, steps) => {
      const { queue, tickets, room } = watched(most)
      const admitted = new Map<string, string>()
      const served = new Set<string>()
      const running: RunningTransfer[] = []
      let spent = 0
      const take = (site: string): void => {
        spent++
        const one = queue.take(site)
        if (!one) return
        running.push(one)
        served.add(one.transfer.key)
        const places = running.map(({ transfer }) => transfer.targetKey)
        expect(new Set(places).size).toBe(places.length)
      }
      const finish = (at: number): void => {
        const [one] = running.splice(at % running.length, 1)
        queue.done(one as RunningTransfer)
      }

      for (const now of steps) {
        if ('admit' in now) {
          const transfer = numbered(...now.admit)
          admitted.set(transfer.key, transfer.site)
          admit(queue, [transfer])
        } else if ('take' in now) {
          // Only who holds a ticket takes.
          if (tickets.includes(now.take)) {
            tickets.splice(tickets.indexOf(now.take), 1)
            take(now.take)
          }
        } else if (running.length > 0) finish(now.done)
        for (const site of SITES) expect(queue.queuedAt(site)).toBeLessThanOrEqual(most)
      }

      // Serves all tickets to the end, as the pipeline does: more of them may come meanwhile.
      for (let rounds = 0; tickets.length > 0 || running.length > 0; rounds++) {
        expect(rounds).toBeLessThan(1_000)
        const site = tickets.shift()
        if (site === undefined) finish(0)
        else take(site)
      }
      expect(queue.isIdle).toBe(true)
      const lost = [...admitted].filter(([key, site]) => !served.has(key) && !room.includes(site))
      expect(lost).toEqual([])
      expect(spent).toBeGreaterThanOrEqual(served.size)
    }),
    { numRuns: 500 },
  )
})

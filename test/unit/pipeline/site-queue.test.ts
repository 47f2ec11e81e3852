import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SiteQueue } from '../../../src/pipeline/site-queue.ts'
import { transferOf } from '../../support/model-samples.ts'

const job = (key: string, priority = 50, project = 'PRJ') => transferOf({ key, priority, project })

/** Takes all that waits. */
function drain(queue: SiteQueue): readonly string[] {
  const keys: string[] = []
  for (let transfer = queue.take(); transfer; transfer = queue.take()) keys.push(transfer.key)
  return keys
}

describe('the order', () => {
  test('more urgent ones first, within a priority as they came', () => {
    const queue = new SiteQueue(10)
    for (const [key, priority] of [
      ['a', 50],
      ['b', 90],
      ['c', 10],
      ['d', 90],
      ['e', 50],
    ] as const)
      queue.add(job(key, priority))
    expect(drain(queue)).toEqual(['b', 'd', 'a', 'e', 'c'])
  })

  test('projects in turn: a large publish does not hold up the others', () => {
    const queue = new SiteQueue(10)
    for (const key of ['big-1', 'big-2', 'big-3']) queue.add(job(key, 50, 'BIG'))
    queue.add(job('small-1', 50, 'SMALL'))
    queue.add(job('other-1', 50, 'OTHER'))
    queue.add(job('small-2', 50, 'SMALL'))
    expect(drain(queue)).toEqual(['big-1', 'small-1', 'other-1', 'big-2', 'small-2', 'big-3'])
  })

  test('a priority that is raised overtakes, one that is lowered falls back', () => {
    const queue = new SiteQueue(10)
    for (const key of ['a', 'b', 'c']) queue.add(job(key))
    expect(queue.add(job('c', 99))).toBe('updated')
    expect(queue.add(job('a', 10))).toBe('updated')
    expect(queue.size).toBe(3)
    expect(drain(queue)).toEqual(['c', 'b', 'a'])
  })

  test('one that is found again keeps its place, as its document says it now', () => {
    const queue = new SiteQueue(10)
    queue.add({ ...job('a'), tries: 0 })
    queue.add(job('b'))
    expect(queue.add({ ...job('a'), tries: 1 })).toBe('updated')
    expect(queue.take()).toMatchObject({ key: 'a', tries: 1 })
  })
})

describe('what is next', () => {
  test('is told as it would be taken, and stays', () => {
    const queue = new SiteQueue(10)
    for (const [key, priority, project] of [
      ['a1', 50, 'A'],
      ['a2', 50, 'A'],
      ['urgent', 90, 'A'],
      ['b1', 50, 'B'],
      ['a3', 50, 'A'],
    ] as const)
      queue.add(job(key, priority, project))
    expect(queue.upcoming(3).map(({ key }) => key)).toEqual(['urgent', 'a1', 'b1'])
    expect(queue.upcoming(9).map(({ key }) => key)).toEqual(['urgent', 'a1', 'b1', 'a2', 'a3'])
    expect(queue.upcoming(0)).toEqual([])
    expect(drain(queue)).toEqual(['urgent', 'a1', 'b1', 'a2', 'a3'])
  })

  test('is nothing that has left', () => {
    const queue = new SiteQueue(10)
    for (const key of ['a', 'b', 'c']) queue.add(job(key))
    queue.keep(({ key }) => key !== 'b')
    expect(queue.upcoming(9).map(({ key }) => key)).toEqual(['a', 'c'])
  })
})

describe('the bound', () => {
  test('among equals, a project with more than its share makes room for another, until they are even', () => {
    const queue = new SiteQueue(4)
    for (const key of ['big-1', 'big-2', 'big-3', 'big-4']) queue.add(job(key, 50, 'BIG'))
    expect(queue.add(job('big-5', 50, 'BIG'))).toBe('refused')
    expect(queue.yieldsTo('SMALL')).toBe(true)
    expect(queue.add(job('small-1', 50, 'SMALL'))).toBe('replaced')
    expect(queue.add(job('small-2', 50, 'SMALL'))).toBe('replaced')
    expect(queue.yieldsTo('SMALL')).toBe(false)
    expect(queue.add(job('small-3', 50, 'SMALL'))).toBe('refused')
    // Nobody is put off by what is less urgent.
    expect(queue.add(job('other', 49, 'OTHER'))).toBe('refused')
    expect(drain(queue)).toEqual(['big-1', 'small-1', 'big-2', 'small-2'])
  })

  test('a full queue takes a more urgent one in exchange for the least urgent, the latest of these', () => {
    const queue = new SiteQueue(3)
    for (const [key, priority] of [
      ['a', 50],
      ['b', 10],
      ['c', 10],
    ] as const)
      expect(queue.add(job(key, priority))).toBe('added')
    expect(queue.add(job('d', 20))).toBe('replaced')
    expect(drain(queue)).toEqual(['a', 'd', 'b'])
  })

  test('one that is no more urgent than anything that waits is turned away', () => {
    const queue = new SiteQueue(2)
    queue.add(job('a'))
    queue.add(job('b'))
    expect(queue.add(job('c'))).toBe('refused')
    expect(queue.add(job('d', 49))).toBe('refused')
    expect(queue.add(job('a', 10))).toBe('updated')
    expect(queue.size).toBe(2)
  })

  test.each([[[]], [[50]], [[50, 10, 90]]])('the lowest priority of %j is told', (priorities) => {
    const queue = new SiteQueue(9)
    priorities.forEach((priority, n) => queue.add(job(`${n}`, priority)))
    expect(queue.lowestPriority).toBe(priorities.length === 0 ? undefined : Math.min(...priorities))
  })
})

type Step = { readonly add: [key: number, priority: number, project: number] } | 'take'

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.tuple(fc.nat(12), fc.constantFrom(10, 50, 90), fc.nat(2)) }) },
  { weight: 2, arbitrary: fc.constant('take' as const) },
)

const projectOf = (key: string): string => key.slice(0, key.indexOf('/'))

/** The same, as simple as can be; which of the least urgent has to leave is left open. */
class Model {
  readonly #waiting = new Map<string, number>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get priorities(): readonly number[] {
    return [...this.#waiting.values()]
  }

  get keys(): readonly string[] {
    return [...this.#waiting.keys()].toSorted()
  }

  answer(key: string, priority: number): string {
    if (this.#waiting.has(key)) return 'updated'
    if (this.#waiting.size < this.#most) return 'added'
    const lowest = Math.min(...this.priorities)
    if (priority !== lowest) return priority > lowest ? 'replaced' : 'refused'
    // Among equals the project with the most makes room for one that would still have less with one more.
    const largest = Math.max(...[0, 1, 2].map((project) => this.#countOf(`${project}`, lowest)))
    return largest > this.#countOf(projectOf(key), lowest) + 1 ? 'replaced' : 'refused'
  }

  #countOf(project: string, priority: number): number {
    return [...this.#waiting].filter(([key, its]) => its === priority && projectOf(key) === project).length
  }

  set(key: string, priority: number): void {
    this.#waiting.set(key, priority)
  }

  delete(key: string): boolean {
    return this.#waiting.delete(key)
  }
}

const addStep = (queue: SiteQueue, model: Model, [n, priority, project]: [number, number, number]): void => {
  const key = `${project}/${n}`
  const expected = model.answer(key, priority)
  expect(queue.add(job(key, priority, `P${project}`))).toBe(expected)
  fc.pre(expected !== 'replaced')
  if (expected !== 'refused') model.set(key, priority)
}

const takeStep = (queue: SiteQueue, model: Model): void => {
  const urgent = model.priorities.length === 0 ? undefined : Math.max(...model.priorities)
  const one = queue.take()
  expect(one?.priority).toBe(urgent)
  expect(one === undefined || model.delete(one.key)).toBe(true)
}

test('whatever happens: nothing twice, always the most urgent, nothing gets lost', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 30 }), fc.array(step, { maxLength: 80 }), (most, steps) => {
      const queue = new SiteQueue(most)
      const model = new Model(most)
      for (const now of steps) {
        if (now === 'take') takeStep(queue, model)
        else addStep(queue, model, now.add)
        expect(queue.size).toBe(model.keys.length)
        expect(queue.lowestPriority).toBe(model.keys.length === 0 ? undefined : Math.min(...model.priorities))
      }
      expect(drain(queue).toSorted()).toEqual(model.keys)
    }),
    { numRuns: 300 },
  )
})

test('whatever is added: what leaves is what came, but for the least urgent', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.constantFrom(10, 50, 90), { maxLength: 20 }), (most, priorities) => {
      const queue = new SiteQueue(most)
      priorities.forEach((priority, n) => queue.add(job(`${n}`, priority, `P${n % 3}`)))
      const left: number[] = []
      for (let transfer = queue.take(); transfer; transfer = queue.take()) left.push(transfer.priority)
      expect(left).toEqual(priorities.toSorted((a, b) => b - a).slice(0, most))
    }),
    { numRuns: 500 },
  )
})

/** A queue of `a` to `e`, all of one priority and project. */
const five = (): SiteQueue => {
  const queue = new SiteQueue(10)
  for (const key of ['a', 'b', 'c', 'd', 'e']) queue.add(job(key))
  return queue
}

describe('who decides', () => {
  test('lets some stay: they keep their place, and the first one that may go is taken', () => {
    const queue = five()
    expect(queue.take(({ key }) => (key < 'c' ? 'stay' : 'take'))?.key).toBe('c')
    expect(queue.size).toBe(4)
    expect(drain(queue)).toEqual(['a', 'b', 'd', 'e'])
  })

  test('lets all stay: nothing is taken, nothing is lost', () => {
    const queue = five()
    const asked: string[] = []
    const none = queue.take(({ key }) => {
      asked.push(key)
      return 'stay'
    })
    expect([none, asked]).toEqual([undefined, ['a', 'b', 'c', 'd', 'e']])
    expect(drain(queue)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('lets some leave: they are gone, and can come again', () => {
    const queue = five()
    expect(queue.take(({ key }) => (key < 'c' ? 'leave' : 'take'))?.key).toBe('c')
    expect(queue.size).toBe(2)
    expect(queue.add(job('a'))).toBe('added')
    expect(drain(queue)).toEqual(['d', 'e', 'a'])
  })

  test('lets all leave', () => {
    const queue = five()
    expect(queue.take(() => 'leave')).toBeUndefined()
    expect([queue.size, queue.lowestPriority]).toEqual([0, undefined])
  })

  test('is asked for the less urgent ones when no urgent one may go, and not otherwise', () => {
    const queue = five()
    queue.add(job('urgent', 90))
    queue.add(job('idle', 10))
    const asked: string[] = []
    const taken = queue.take(({ key }) => {
      asked.push(key)
      return key === 'urgent' ? 'stay' : 'take'
    })
    expect([taken?.key, asked]).toEqual(['a', ['urgent', 'a']])
    expect(queue.take()?.key).toBe('urgent')
  })

  test('is not asked for what was replaced meanwhile', () => {
    const queue = five()
    queue.add(job('a', 10))
    const asked: string[] = []
    queue.take(({ key, priority }) => {
      asked.push(`${key} ${priority}`)
      return 'stay'
    })
    expect(asked).toEqual(['b 50', 'c 50', 'd 50', 'e 50', 'a 10'])
  })

  test('does not cost a project its turn when one of its transfers stays', () => {
    const queue = new SiteQueue(10)
    for (const key of ['big-1', 'big-2']) queue.add(job(key, 50, 'BIG'))
    for (const key of ['small-1', 'small-2']) queue.add(job(key, 50, 'SMALL'))
    const taken = queue.take(({ project }) => (project === 'BIG' ? 'stay' : 'take'))
    expect([taken?.key, queue.take()?.key, queue.take()?.key]).toEqual(['small-1', 'big-1', 'small-2'])
  })
})

const of = (key: string, representationKey: string, priority = 50) => transferOf({ key, representationKey, priority })

test('has a representation for as long as any of its transfers waits', () => {
  const queue = new SiteQueue(2)
  const has = (): readonly boolean[] => ['one', 'two', 'three'].map((key) => queue.has(key))
  queue.add(of('a', 'one'))
  queue.add(of('b', 'one'))
  expect(has()).toEqual([true, false, false])
  queue.take()
  queue.add(of('b', 'one', 20))
  expect(has()).toEqual([true, false, false])
  queue.add(of('c', 'two', 90))
  expect(queue.add(of('d', 'three', 70))).toBe('replaced')
  expect(has()).toEqual([false, true, true])
  queue.keep(({ key }) => key !== 'd')
  expect(has()).toEqual([false, true, false])
  queue.clear()
  expect(has()).toEqual([false, false, false])
})

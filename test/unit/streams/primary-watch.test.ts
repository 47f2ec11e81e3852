import { EventEmitter } from 'node:events'

import type { MongoClient } from 'mongodb'
import { expect, test } from 'vitest'

import { PrimaryWatch } from '../../../src/streams/primary-watch.ts'
import { changed, replicaSet } from '../../support/topology-events.ts'

type State = Readonly<Record<string, string>>

/** What it said as the set went from one of these states to the next. */
function said(...states: readonly State[]): string[] {
  const client = new EventEmitter()
  const reasons: string[] = []
  {
    using stack = new DisposableStack()
    stack.use(new PrimaryWatch(client as unknown as MongoClient, ({ message }) => reasons.push(message)))
    for (const [n, state] of states.slice(1).entries()) client.emit('topologyDescriptionChanged', changed(states[n] as State, state))
  }
  expect(client.listenerCount('topologyDescriptionChanged')).toBe(0)
  return reasons
}

const healthy = replicaSet({ a: 'RSPrimary' })
const aDead = replicaSet({ a: 'Unknown' })
const bInstead = replicaSet({ a: 'Unknown', b: 'RSPrimary' })

test('a primary that died is told when there is another, and not before', () => {
  expect(said(healthy, aDead, aDead)).toEqual([])
  expect(said(healthy, aDead, bInstead)).toEqual(['b is primary now, instead of a'])
})

test('a primary that froze is told when another takes its place', () => {
  expect(said(healthy, bInstead)).toHaveLength(1)
})

test('so is one that stepped down', () => {
  expect(said(healthy, replicaSet({}), replicaSet({ b: 'RSPrimary' }))).toHaveLength(1)
})

test('so is one that left the set', () => {
  expect(said(healthy, { b: 'RSPrimary', c: 'RSSecondary' })).toHaveLength(1)
})

test('one that comes back is the same', () => {
  expect(said(healthy, aDead, healthy, replicaSet({ a: 'RSPrimary', b: 'Unknown' }))).toEqual([])
})

test('what became primary while none was known is where the stream was opened', () => {
  expect(said(aDead, bInstead, replicaSet({ b: 'RSPrimary' }))).toEqual([])
  expect(said(aDead, bInstead, healthy)).toEqual(['a is primary now, instead of b'])
})

test('servers that are no members of a set have no primary', () => {
  expect(said({ a: 'Mongos', b: 'Mongos' }, { a: 'Unknown', b: 'Mongos' })).toEqual([])
  expect(said({ a: 'Standalone' }, { a: 'Unknown' }, { a: 'Standalone' })).toEqual([])
})

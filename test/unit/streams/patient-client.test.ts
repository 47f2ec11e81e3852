import type { MongoClient } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { PatientClient } from '../../../src/streams/patient-client.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Fake {
  readonly uri: string
  isClosed: boolean
}

/** Clients that only know whether they were closed. */
function clients(): { readonly all: Fake[]; readonly patient: PatientClient } {
  const all: Fake[] = []
  const connect = (uri: string): MongoClient => {
    const fake = { uri, isClosed: false, close: async () => await Promise.resolve(void (fake.isClosed = true)) }
    all.push(fake)
    return fake as unknown as MongoClient
  }
  return { all, patient: new PatientClient('mongodb://a', { connect, lingerMs: 1_000 }) }
}

/** Uses it until it is told to end. */
function use(patient: PatientClient): { readonly ended: Promise<void>; readonly end: () => void; readonly fail: (why: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { ended: patient.use(async () => promise), end: resolve, fail: reject }
}

test('all who use it at once share one client, which is closed a while after the last of them has ended', async () => {
  const { all, patient } = clients()
  expect(all).toEqual([])
  const [first, second] = [use(patient), use(patient)]
  first.end()
  await first.ended
  await vi.advanceTimersByTimeAsync(60_000)
  expect(all).toMatchObject([{ uri: 'mongodb://a', isClosed: false }])
  second.end()
  await second.ended
  await vi.advanceTimersByTimeAsync(999)
  expect(all).toMatchObject([{ isClosed: false }])
  await vi.advanceTimersByTimeAsync(1)
  expect(all).toMatchObject([{ isClosed: true }])
  expect(await patient.use(async () => await Promise.resolve('again'))).toBe('again')
  expect(all).toMatchObject([{ isClosed: true }, { isClosed: false }])
})

test('who comes while it lingers uses the same', async () => {
  const { all, patient } = clients()
  await patient.use(async () => await Promise.resolve())
  await vi.advanceTimersByTimeAsync(900)
  const next = use(patient)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(all).toMatchObject([{ isClosed: false }])
  next.end()
  await next.ended
})

test('after a failure the next one gets a new client; the old one is closed when nobody is at it any more', async () => {
  const { all, patient } = clients()
  const [failing, other] = [use(patient), use(patient)]
  failing.fail(new Error('no server'))
  await expect(failing.ended).rejects.toThrow('no server')
  const next = use(patient)
  expect(all).toMatchObject([{ isClosed: false }, { isClosed: false }])
  other.end()
  await other.ended
  expect(all).toMatchObject([{ isClosed: true }, { isClosed: false }])
  next.end()
  await next.ended
})

test('disposed of, it is closed at once, whoever is at it', async () => {
  const { all, patient } = clients()
  const using = use(patient)
  await patient[Symbol.asyncDispose]()
  expect(all).toMatchObject([{ isClosed: true }])
  using.end()
  await using.ended
  expect(vi.getTimerCount()).toBe(0)
})

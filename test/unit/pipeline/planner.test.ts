import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'

import { idText, type RepresentationDocument } from '../../../src/model/document.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import { HINTS, keyOfHint, Planner, mergeHints, type Hint } from '../../../src/pipeline/planner.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { attemptAt, MemoryClaims } from '../../support/memory-claims.ts'
import { anyDocument, CREATED, documentOf, fileOf, projectOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

const studio = { name: 'studio', created_dt: CREATED }
const ready = (id: string, gdrive: object = {}) =>
  documentOf([fileOf([studio, { name: 'gdrive', ...gdrive }], { _id: `file of ${id}` })], { _id: id })
const hint = (representationId: unknown, project = 'PRJ'): Hint => ({ project, representationId, occasion: {} })

function rig(documents: readonly RepresentationDocument[] = []) {
  const stored = new Map(documents.map((document) => [idText(document._id), document]))
  const clock = new FakeClock()
  const running = new Map<string, Attempt>()
  /** All but these transfers of a representation. */
  const forgotten: [representationKey: string, pending: readonly string[]][] = []
  const log = new RecordingLog()
  const reads: unknown[][] = []
  const unread: unknown[] = []
  const faults: Error[] = []
  const planner = new Planner({
    reader: {
      read: async (project, ids) => {
        reads.push([project, ...ids])
        await Promise.resolve()
        const fault = faults.shift()
        if (fault) throw fault
        return ids.map((id) => stored.get(idText(id))).filter((document) => document !== undefined)
      },
      readFile: async (_project, { representationId }) => Promise.resolve(stored.get(idText(representationId))),
    },
    running,
    forget: (representationKey, pending) => void forgotten.push([representationKey, [...pending]]),
    log,
    settingsOf: (project) => projectOf({ enabled: project !== 'OFF' }),
    misconfigured: new Map(),
    samePlaces: new Map(),
    foldsCase: () => false,
    unread: (error) => void unread.push(error),
  })
  const put = (document: RepresentationDocument): void => void stored.set(idText(document._id), document)
  const runs = async (id: string): Promise<Attempt> => {
    const [found] = await planner.look([hint(id)])
    const attempt = await attemptAt(new MemoryClaims(clock), found?.transfers[0] as Transfer, clock)
    running.set(attempt.transfer.key, attempt)
    return attempt
  }
  return { planner, forgotten, log, reads, unread, faults, put, remove: (id: string) => stored.delete(idText(id)), runs }
}

describe('hints', () => {
  test('each is answered by what its document needs now', async () => {
    const { planner, reads } = rig([ready('a'), ready('b', { created_dt: CREATED })])
    const found = await planner.look([{ ...hint('a'), occasion: { unpaused: true } }, hint('b'), hint('gone')])
    expect(reads).toEqual([['PRJ', 'a', 'b', 'gone']])
    expect(found.map(({ transfers }) => transfers.map(({ site }) => site))).toEqual([['gdrive'], [], []])
    expect(found[0]).toMatchObject({ representationKey: 'PRJ/"a"', occasion: { unpaused: true }, changed: true })
  })

  test('that brought their documents are answered by them, unless one of them has none, or one that can not be read', async () => {
    const { planner, reads } = rig([ready('a'), ready('b', { created_dt: CREATED })])
    const told = (id: string): Hint => ({ ...hint(id), document: () => ready(id) })
    const found = await planner.look([told('a'), told('b')])
    expect(found.map(({ transfers }) => transfers.map(({ site }) => site))).toEqual([['gdrive'], ['gdrive']])
    expect(reads).toEqual([])
    const read = await planner.look([told('a'), told('b'), hint('gone')])
    expect(read.map(({ transfers }) => transfers.map(({ site }) => site))).toEqual([['gdrive'], [], []])
    expect(reads).toEqual([['PRJ', 'a', 'b', 'gone']])
    await planner.look([told('a'), { ...hint('b'), document: () => undefined }])
    expect(reads.at(-1)).toEqual(['PRJ', 'a', 'b'])
  })

  test('whose document is not wanted do not read it', async () => {
    const { planner, reads } = rig([ready('a'), ready('b')])
    const document = vi.fn<() => RepresentationDocument>(() => ready('a'))
    await planner.look([{ ...hint('a'), document }, hint('b')])
    expect(reads).toEqual([['PRJ', 'a', 'b']])
    expect(document).not.toHaveBeenCalled()
  })

  test('that brought a document are no reason to stop what was planned by a later one', async () => {
    const { planner, reads, runs } = rig([ready('a')])
    const running = await runs('a')
    reads.length = 0
    const old = documentOf([fileOf([studio], { _id: 'file of a' })], { _id: 'a' })
    await planner.look([{ ...hint('a'), document: () => old }])
    expect(running.signal.aborted).toBe(false)
    expect(reads).toEqual([['PRJ', 'a']])
  })

  test('lose their document when another change follows, and when many wait', () => {
    const told: Hint = { ...hint('a'), document: () => ready('a') }
    expect(mergeHints(told, hint('a'))).not.toHaveProperty('document')
    expect(mergeHints(hint('a'), told)).not.toHaveProperty('document')
    expect(HINTS.lighten(told)).toEqual(hint('a'))
  })

  test('of several projects are read one project at a time, those of a project that is off not at all', async () => {
    const { planner, reads } = rig([ready('a')])
    await planner.look([hint('a', 'ONE'), hint('a', 'OFF'), hint('b', 'TWO'), hint('c', 'ONE')])
    expect(reads).toEqual([
      ['ONE', 'a', 'c'],
      ['TWO', 'b'],
    ])
  })

  test('that can not be read are told, and the other projects are served', async () => {
    const { planner, faults, unread } = rig([ready('a')])
    const fault = new Error('no primary')
    faults.push(fault)
    const found = await planner.look([hint('a', 'ONE'), hint('a', 'TWO')])
    expect(unread).toEqual([fault])
    expect(found.map(({ representationKey }) => representationKey)).toEqual(['TWO/"a"'])
  })

  test('of one document become one, with all that they bring', () => {
    const at = new Date(1_000)
    const both = mergeHints({ ...hint('a'), occasion: { retryFailedBefore: at } }, { ...hint('a'), occasion: { unpaused: true } })
    expect(both).toEqual({ ...hint('a'), occasion: { retryFailedBefore: at, unpaused: true }, again: false })
    expect(keyOfHint(hint('a'))).toBe(keyOfHint(both))
    expect(keyOfHint(hint('a'))).not.toBe(keyOfHint(hint('a', 'OTHER')))
    expect(keyOfHint(hint('7'))).not.toBe(keyOfHint(hint(7)))
  })

  test('that follow upon a transfer are no change of the document, unless there was one as well', async () => {
    const { planner } = rig([ready('a')])
    const again = { ...hint('a'), again: true }
    const changed = async (one: Hint): Promise<boolean | undefined> => (await planner.look([one]))[0]?.changed
    expect(await changed(again)).toBe(false)
    expect(await changed(mergeHints(again, again))).toBe(false)
    expect(await changed(mergeHints(again, hint('a')))).toBe(true)
    expect(await changed(mergeHints(hint('a'), again))).toBe(true)
  })

  test('whatever the document, looking at it never fails', async () => {
    await fc.assert(
      fc.asyncProperty(anyDocument, async (document) => {
        const { planner, unread } = rig([document])
        expect(await planner.look([hint(document._id)])).toHaveLength(1)
        expect(() => planner.found('PRJ', document, {})).not.toThrow()
        expect(unread).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('what can not be read in a document', () => {
  const odd = documentOf([fileOf(['studio', 'gdrive'])], { _id: 'odd' })

  test('is told once a document and run', async () => {
    const { planner, log } = rig([odd])
    await planner.look([hint('odd')])
    await planner.look([hint('odd')])
    planner.found('PRJ', odd, {})
    expect(log.events).toEqual([
      {
        action: 'record.unreadable',
        project: 'PRJ',
        representationId: 'odd',
        message: 'not understood, left as it is: files.0.sites.0 is a string; files.0.sites.1 is a string',
        extra: { parts: 2 },
      },
    ])
    planner.found('OTHER', odd, {})
    expect(log.events).toHaveLength(2)
  })

  test('is told shortly', async () => {
    const { planner, log } = rig([documentOf(Array.from({ length: 100 }, () => null))])
    planner.found('PRJ', documentOf(Array.from({ length: 100 }, () => null)), {})
    expect(log.events[0]?.message).toMatch(/files\.4 is null; …$/)
    expect(log.events[0]?.extra).toEqual({ parts: 100 })
  })
})

describe('what runs', () => {
  test.each<[string, (all: ReturnType<typeof rig>) => void, object]>([
    [
      'its skeleton is gone',
      (all) => all.put(documentOf([fileOf([studio], { _id: 'file of a' })], { _id: 'a' })),
      { kind: 'dropped', reason: 'the skeleton is gone' },
    ],
    ['its document is gone', (all) => void all.remove('a'), { kind: 'dropped', reason: 'the skeleton is gone' }],
    [
      'its files were replaced',
      (all) => all.put(documentOf([fileOf([studio, { name: 'gdrive' }], { _id: 'other' })], { _id: 'a' })),
      { kind: 'dropped' },
    ],
    ['it was paused', (all) => all.put(ready('a', { paused: true })), { kind: 'released', reason: 'paused' }],
    [
      'somebody marked it',
      (all) => all.put(ready('a', { created_dt: CREATED })),
      { kind: 'dropped', reason: 'somebody else marked it meanwhile' },
    ],
    ['its type was changed', (all) => all.put({ ...ready('a'), type: 'archived_representation' }), { kind: 'dropped' }],
  ])('ends when %s', async (_title, change, reason) => {
    const all = rig([ready('a')])
    const running = await all.runs('a')
    change(all)
    await all.planner.look([hint('a')])
    expect(running.signal.reason).toMatchObject(reason)
  })

  test.each<[string, object]>([
    ['nothing that matters changed', {}],
    ['its priority changed', { priority: 99 }],
    ['a field that is none of ours changed', { note: 'x' }],
    ['it was reset meanwhile: the result is dropped when it comes', { tries: null }],
  ])('goes on when %s', async (_title, record) => {
    const all = rig([ready('a')])
    const running = await all.runs('a')
    all.put(ready('a', record))
    await all.planner.look([hint('a')])
    expect(running.signal.aborted).toBe(false)
  })

  test('goes on when another document changed, or a scan passes', async () => {
    const all = rig([ready('a'), ready('b')])
    const running = await all.runs('a')
    all.remove('a')
    await all.planner.look([hint('b')])
    all.planner.found('PRJ', ready('a', { created_dt: CREATED }), {})
    expect(running.signal.aborted).toBe(false)
  })
})

test('what is queued of a document and not pending any more is forgotten, when it is looked at and when it is gone', async () => {
  const all = rig([ready('a')])
  const { transfer } = await all.runs('a')
  all.put(ready('a', { paused: true }))
  await all.planner.look([hint('a')])
  all.planner.gone({ project: 'PRJ', representationId: 'a' })
  expect(all.forgotten).toEqual([
    [transfer.representationKey, [transfer.key]],
    [transfer.representationKey, []],
    [transfer.representationKey, []],
  ])
})

test('a document that is gone ends what runs for it, and nothing else', async () => {
  const all = rig([ready('a'), ready('b')])
  const [a, b] = [await all.runs('a'), await all.runs('b')]
  all.planner.gone({ project: 'PRJ', representationId: 'a' })
  expect(a.signal.reason).toEqual({ kind: 'dropped', reason: 'the document is gone' })
  expect(b.signal.aborted).toBe(false)
})

test('a project that is gone ends what runs for it, and nothing else', async () => {
  const all = rig([ready('a'), ready('b')])
  const attempts = [await all.runs('a'), await all.runs('b')]
  all.planner.gone({ project: 'OTHER' })
  expect(attempts.map(({ signal }) => signal.aborted)).toEqual([false, false])
  all.planner.gone({ project: 'PRJ' })
  for (const { signal } of attempts) expect(signal.reason).toEqual({ kind: 'dropped', reason: 'the document is gone' })
})

test('a project that was renamed gives back what runs for it, to go on under its new name', async () => {
  const all = rig([ready('a')])
  const { signal } = await all.runs('a')
  all.planner.gone({ project: 'PRJ', isRenamed: true })
  expect(signal.reason).toEqual({ kind: 'released', reason: 'the project was renamed' })
})

describe('reading again', () => {
  test('gives the transfer as its document says it now', async () => {
    const all = rig([ready('a')])
    const { transfer } = await all.runs('a')
    all.put(ready('a', { priority: 99, tries: 1 }))
    expect(await all.planner.reread(transfer)).toMatchObject({ key: transfer.key, priority: 99, tries: 1, snapshot: { tries: 1 } })
  })

  test.each<[string, RepresentationDocument | undefined]>([
    ['it is not pending any more', ready('a', { created_dt: CREATED })],
    ['it is paused', ready('a', { paused: true })],
    ['it is gone', undefined],
  ])('gives nothing when %s', async (_title, document) => {
    const all = rig([ready('a')])
    const { transfer } = await all.runs('a')
    if (document) all.put(document)
    else all.remove('a')
    expect(await all.planner.reread(transfer)).toBeUndefined()
  })
})

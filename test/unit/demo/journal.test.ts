import { expect, test } from 'vitest'

import { Journal } from '../../../replica-set-dev/demo/journal.ts'
import { transferLine } from '../../../replica-set-dev/demo/transfer-line.ts'
import { SyncError } from '../../../src/errors.ts'
import type { LogAction } from '../../../src/model/log.ts'

const file = { representationId: 'r', fileId: 'f', site: 'nas', path: '{root[work]}/film/a.ma' }

function rig({ verbose = false } = {}) {
  const said: LogAction[] = []
  const ended: LogAction[] = []
  const clock = { now: 0 }
  const journal = new Journal({
    verbose,
    now: () => clock.now,
    service: { event: (action) => void said.push(action) },
    ended: (action) => void ended.push(action),
  })
  return { journal, said, ended, clock }
}

test('the first start and the success of each file and site are noted, and every end is shown', () => {
  const { journal, ended, clock, said } = rig()
  for (const [at, action] of [
    [10, 'transfer.started'],
    [20, 'transfer.failed'],
    [30, 'transfer.started'],
    [45, 'transfer.succeeded'],
  ] as const) {
    clock.now = at
    journal.event(action, file)
  }
  expect(journal.timesOf('r', 'f', 'nas')).toEqual({ startedAt: 10, syncedAt: 45 })
  expect(journal.timesOf('r', 'f', 'backup')).toEqual({})
  expect(ended).toEqual(['transfer.failed', 'transfer.succeeded'])
  expect(journal.lastNews).toBe(45)
  expect(said).toEqual([])
})

const events = (journal: Journal): void => {
  journal.event('service.ready')
  journal.event('scan.finished')
  journal.event('site.misconfigured', { site: 'cloud', error: new SyncError('CREDENTIALS', 'no key') })
  journal.event('transfer.failed', file)
}

test("the service's warnings and errors are passed on; with verbose, all it says", async () => {
  const quiet = rig()
  events(quiet.journal)
  await quiet.journal.ready
  expect(quiet.said).toEqual(['site.misconfigured'])
  expect(quiet.journal.misconfigured).toEqual(new Map([['cloud', { message: 'no key' }]]))
  const loud = rig({ verbose: true })
  events(loud.journal)
  expect(loud.said).toEqual(['service.ready', 'scan.finished', 'site.misconfigured', 'transfer.failed'])
})

test('one line an end', () => {
  const plain = { retryCount: 2, colors: false }
  const error = new SyncError('SOURCE_MISSING', '/mnt/a.ma is not\nthere')
  expect(transferLine('transfer.succeeded', { ...file, bytes: 24_000, durationMs: 12.3, extra: { sent_bytes: 24_000 } }, plain)).toBe(
    '  synced   nas      a.ma  24.0 kB in 12 ms',
  )
  expect(transferLine('transfer.succeeded', { ...file, bytes: 24_000, extra: { sent_bytes: 0 } }, plain)).toMatch(/was there already$/)
  expect(transferLine('transfer.failed', { ...file, tries: 1, error }, plain)).toBe(
    String.raw`  failed   nas      a.ma  try 1 of 2: /mnt/a.ma is not\nthere`,
  )
  expect(transferLine('transfer.failed', { ...file, level: 'warn', error }, plain)).toContain('trouble of the site: ')
  expect(transferLine('transfer.exhausted', { ...file, tries: 2 }, plain)).toContain('after 2 tries')
  expect(transferLine('transfer.dropped', { ...file, message: 'the skeleton is gone' }, plain)).toBe(
    '  dropped  nas      a.ma  the skeleton is gone',
  )
  expect(transferLine('transfer.succeeded', file, { ...plain, colors: true })).toContain('\u001b[32msynced')
})

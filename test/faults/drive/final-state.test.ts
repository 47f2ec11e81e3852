import { describe, expect, test } from 'vitest'

import type { GDriveOptions } from '../../../src/providers/gdrive.ts'
import { CHUNK, driveService, expectExact, foldersOf, openDriveStage, sequence, type DriveStage } from '../../support/drive-stage.ts'
import type { Effect, Fault, Operation } from '../../support/fake-drive/faults.ts'
import type { FakeDriveSettings } from '../../support/fake-drive/settings.ts'
import type { Running } from '../../support/service-harness.ts'

interface Row {
  readonly what: string
  readonly faults: readonly Fault[]
  readonly drive?: Partial<FakeDriveSettings>
  readonly provider?: GDriveOptions
  /** Bytes of the two large files; three chunks each when left out. */
  readonly large?: number
  /** Besides the final state. */
  readonly check?: (all: DriveStage, running: Running) => void
}

const EVERY: readonly Operation[] = [
  'token',
  'files.generateIds',
  'files.list',
  'files.get',
  'files.create',
  'upload.multipart',
  'upload.start',
  'upload.chunk',
]

const once = (effect: Effect, on: readonly Operation[] = EVERY): Fault[] => on.map((operation) => ({ on: operation, effect }))
const error = (status: number, reason: string, retryAfter?: string, message?: string): Effect => ({
  kind: 'error',
  status,
  reason,
  ...(retryAfter !== undefined && { retryAfter }),
  ...(message !== undefined && { message }),
})
const answer = (status: number, body = '', type = 'text/html'): Effect => ({ kind: 'answer', status, body, type })
const HTML = '<html><title>Error</title><body>That is an error.</body></html>'
const impatient: GDriveOptions = { timeouts: { connectMs: 5_000, idleMs: 300 } }

/** No site was left alone: what happened was mended within the attempt. */
const unnoticed: Row['check'] = (_all, { lines }) => expect(lines.count('transfer.failed', 'site.cooling')).toBe(0)
const noReplacements: Row['check'] = ({ drive }) => expect(drive.files().map(({ revisions }) => revisions)).toEqual(Array(6).fill(1))

const expectNewSessions = ({ drive }: DriveStage): void => expect([3, 4]).toContain(drive.journal.count('upload.start'))

const statuses = ({ drive }: DriveStage, operation: Operation): number[] => drive.journal.of(operation).map(({ status }) => status)

const ROWS: readonly Row[] = [
  {
    what: 'the reply to a multipart upload is lost after the file was stored',
    faults: [{ on: 'upload.multipart', effect: { kind: 'lose-reply' }, times: 3 }],
    check(all, running) {
      unnoticed(all, running)
      // Found by its id, not sent again.
      expect(all.drive.journal.count('upload.multipart')).toBe(4)
      noReplacements(all, running)
    },
  },
  {
    what: 'the reply to each chunk is lost, also to the final one',
    faults: [{ on: 'upload.chunk', effect: { kind: 'lose-reply' }, times: 6 }],
    check(all, running) {
      unnoticed(all, running)
      expect(all.drive.journal.count('upload.chunk')).toBe(6)
      expect(all.drive.journal.count('upload.start')).toBe(2)
    },
  },
  {
    what: 'the reply to the only chunk is lost',
    large: CHUNK - 1,
    faults: [{ on: 'upload.chunk', effect: { kind: 'lose-reply' }, times: 2 }],
    check: (all) => expect(all.drive.journal.count('upload.chunk')).toBe(2),
  },
  {
    what: 'the reply to the creation of a folder is lost',
    faults: [{ on: 'files.create', effect: { kind: 'lose-reply' }, times: 2 }],
    check: unnoticed,
  },
  {
    what: 'half of every reply comes',
    faults: once({ kind: 'truncate' }),
    check: unnoticed,
  },
  {
    what: 'the connection breaks within a chunk, within the first one before a byte was kept',
    faults: [
      { on: 'upload.chunk', effect: { kind: 'drop', afterBytes: 1_000 }, times: 2 },
      { on: 'upload.chunk', effect: { kind: 'drop', afterBytes: 200_000 }, after: 1, times: 3 },
    ],
    check(all, running) {
      unnoticed(all, running)
      const uploads = Map.groupBy(all.drive.journal.of('upload.chunk', 'upload.status'), ({ query }) => query['upload_id'])
      expect(uploads.size).toBe(2)
      for (const requests of uploads.values()) {
        for (const [n, { operation, status }] of requests.entries()) {
          // Drive is asked what it has before anything is sent again.
          if (operation === 'upload.chunk' && status === 0) expect(requests[n + 1]?.operation).toBe('upload.status')
        }
      }
      expect(statuses(all, 'upload.chunk')).not.toContain(503)
    },
  },
  {
    what: 'the connection breaks at every operation',
    faults: once({ kind: 'drop', afterBytes: 0 }),
    check: unnoticed,
  },
  {
    what: 'a part of a chunk is kept',
    large: 4 * CHUNK,
    provider: { sizes: { firstChunk: 2 * CHUNK, largestChunk: 2 * CHUNK, maxMultipartBytes: 100_000 } },
    faults: [{ on: 'upload.chunk', effect: { kind: 'partial', bytes: CHUNK }, times: 3 }],
    check(all, running) {
      unnoticed(all, running)
      expect(statuses(all, 'upload.chunk')).not.toContain(503)
      expect(all.drive.journal.count('upload.start')).toBe(2)
    },
  },
  ...([404, 410] as const).map((status): Row => ({
    what: `the upload session expires (${status})`,
    faults: [{ on: 'upload.chunk', effect: { kind: 'expire-session', status }, after: 2, times: 2 }],
    check(all, running) {
      unnoticed(all, running)
      expectNewSessions(all)
    },
  })),
  {
    what: 'all tokens are refused while chunks are on their way',
    faults: [{ on: ['upload.chunk', 'upload.multipart'], effect: { kind: 'expire-tokens' }, after: 2 }],
    check(all, running) {
      unnoticed(all, running)
      expect(all.drive.journal.count('upload.start')).toBe(2)
      expect(all.drive.tokensIssued).toBeLessThanOrEqual(3)
    },
  },
  {
    what: 'tokens die early',
    drive: { tokenDiesAfterMs: 300, latencyMs: 60 },
    faults: [],
    check(all, running) {
      unnoticed(all, running)
      const { entries } = all.drive.journal
      const ms = (entries.at(-1)?.at ?? 0) - (entries[0]?.at ?? 0)
      expect(all.drive.tokensIssued).toBeLessThanOrEqual(Math.ceil(ms / 300) + 2)
    },
  },
  ...['rateLimitExceeded', 'userRateLimitExceeded'].map((reason): Row => ({
    what: `403 ${reason}, without a time to wait`,
    faults: [{ on: ['upload.multipart', 'upload.chunk', 'files.create'], effect: error(403, reason), times: 2 }],
  })),
  {
    what: '429 with Retry-After at every operation, tokens as well',
    faults: once(error(429, 'rateLimitExceeded', '1'), ['token', 'files.list', 'files.create', 'upload.multipart', 'upload.chunk']),
  },
  ...[500, 502, 503, 504].map((status): Row => ({
    what: `a burst of ${status}`,
    faults: [{ on: '*', effect: error(status, 'backendError'), times: 8 }, ...once(error(status, 'backendError'))],
  })),
  {
    what: 'HTML and empty bodies instead of what was asked for',
    faults: [
      ...once(answer(502, HTML)),
      ...once(answer(503, HTML)),
      ...once(answer(504)),
      ...once(answer(403, HTML), ['files.list', 'upload.multipart']),
    ],
  },
  {
    what: '200 with HTML, with nothing, with other JSON',
    faults: [
      ...once(answer(200, HTML), ['token', 'files.list', 'files.create', 'upload.multipart', 'upload.chunk']),
      ...once(answer(200), ['token', 'files.list', 'files.get', 'upload.start', 'upload.multipart']),
      ...once(answer(200, '[1]', 'application/json'), ['files.generateIds', 'files.list', 'upload.multipart', 'upload.chunk']),
      ...once(answer(200, '{}', 'application/json'), ['token', 'files.generateIds', 'files.list', 'files.create', 'upload.multipart']),
    ],
  },
  {
    what: 'no answer at all',
    provider: impatient,
    faults: once({ kind: 'hang' }, ['token', 'files.list', 'files.create', 'upload.multipart', 'upload.chunk']),
  },
  {
    what: 'other bytes are stored than were sent: repaired once',
    large: CHUNK,
    faults: once({ kind: 'corrupt' }, ['upload.multipart', 'upload.chunk']),
    check(all, running) {
      unnoticed(all, running)
      const revisions = all.drive.files().map((file) => file.revisions)
      expect(revisions.reduce((sum, count) => sum + count, 0)).toBe(8)
      expect(Math.max(...revisions)).toBe(2)
    },
  },
  {
    what: 'the checksum is missing from answers',
    faults: once({ kind: 'omit', fields: ['md5Checksum', 'size'] }, ['upload.multipart', 'upload.chunk']),
    check: (all, running) => {
      unnoticed(all, running)
      noReplacements(all, running)
    },
  },
]

describe('six files of two new folders are there once, each with its record and no try spent, when', () => {
  test.for(ROWS)('$what', async ({ faults, drive: settings, provider, large = 3 * CHUNK - 17, check }) => {
    const all = await openDriveStage({ ...(settings && { drive: settings }), settings: { loopDelaySeconds: 0.5 } })
    const { stage, drive } = all
    const six = await sequence(stage, {
      'sh010/v1/a.1001.exr': 1_000,
      'sh010/v1/a.1002.exr': 0,
      'sh010/v1/a.1003.exr': large,
      'sh010/v2/b.1001.exr': 99_999,
      'sh010/v2/b.1002.exr': 1,
      'sh010/v2/b.1003.exr': large,
    })
    for (const fault of faults) drive.fault(fault)
    const running = await stage.start(driveService(stage, provider))
    await stage.insert(six.document)
    await expectExact(all, [six])
    expect(drive.tree().filter((path) => path.endsWith('/'))).toEqual(foldersOf([six]))
    // Everything that was to happen did.
    expect(drive.faultsPending).toBe(0)
    expect(running.lines.of('transfer.failed').map(({ site_sync: fields }) => fields?.tries ?? 0)).not.toContain(1)
    check?.(all, running)
    await running.stop()
    expect(running.lines.count('transfer.succeeded')).toBe(6)
  })
})

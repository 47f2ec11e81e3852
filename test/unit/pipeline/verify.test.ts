import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { RootedPath } from '../../../src/model/site.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import type { Written } from '../../../src/pipeline/contracts.ts'
import { transfer } from '../../../src/pipeline/transfer.ts'
import { verify } from '../../../src/pipeline/verify.ts'
import type { ByteSource, RemoteFile, WriteOptions } from '../../../src/providers/provider.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { attemptAt, MemoryClaims } from '../../support/memory-claims.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

const TARGET = '/gdrive/p/a.ma'

/** A disk that spoils the first so many files, and says nothing of checksums. */
class SpoilingProvider extends MemoryProvider {
  readonly faults: { read?: SyncError; write?: SyncError } = {}
  /** Of the next reads. */
  readonly passing: SyncError[] = []
  spoils = 0

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    if (this.calls.write > 0 && this.faults.write) throw this.faults.write
    const { checksum: _unknown, ...file } = await super.write(path, source, options)
    if (this.spoils-- > 0) this.store.put(TARGET, 'the c0ntent')
    return file
  }

  override async read(...call: Parameters<MemoryProvider['read']>): ReturnType<MemoryProvider['read']> {
    if (this.faults.read) throw this.faults.read
    const passing = this.passing.shift()
    if (passing) throw passing
    return super.read(...call)
  }
}

/** A file that was written, to be verified. */
async function written(spoils: number, content: Partial<ByteSource> = {}, retries = 0) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const target = new SpoilingProvider(siteOf('gdrive'))
  target.spoils = spoils
  const inner = memorySource('the content')
  const source: ByteSource = { ...inner, ...content }
  const attempt = await attemptAt(claims, transferOf({ path: '{root[work]}/p/a.ma' }), clock)
  const result = await transfer(
    {
      providers: { get: async () => Promise.resolve(target) },
      openSource: async () => Promise.resolve(source),
      log: new RecordingLog(),
      retry: { retries, minTimeout: 0, maxTimeout: 0 },
      judge: async ({ error }) => Promise.resolve(error),
      roots: { isDown: () => false, sift: async () => Promise.resolve() },
      sizes: { check: () => undefined },
    },
    attempt,
  )
  return { attempt, target, result: result as Written, source }
}

const checked = async ({ attempt, result }: { attempt: Attempt; result: Written }): Promise<Outcome> => verify(attempt, result)

test('the right bytes: synced, with the id of the site', async () => {
  const all = await written(0)
  expect(await checked(all)).toEqual({ kind: 'synced', id: all.result.file.id, bytes: 11, sent: 11 })
  expect(all.target.calls.write).toBe(1)
})

test('what was there already was not sent', async () => {
  const all = await written(0)
  expect(await verify(all.attempt, { ...all.result, sent: 0 })).toMatchObject({ kind: 'synced', sent: 0 })
})

test('other bytes are replaced once', async () => {
  const all = await written(1)
  expect(await checked(all)).toEqual({ kind: 'synced', id: all.result.file.id, bytes: 11, sent: 22 })
  expect(all.target.store.get(TARGET)?.toString()).toBe('the content')
})

test('what was there already and is not right is sent once', async () => {
  const all = await written(1)
  expect(await verify(all.attempt, { ...all.result, sent: 0 })).toMatchObject({ kind: 'synced', sent: 11 })
})

test('a file of another size is not even read', async () => {
  const all = await written(0)
  all.target.faults.read = new SyncError('UNEXPECTED', 'should not be read')
  const file = { ...all.result.file, size: 10 }
  const rewrite = async (): Promise<RemoteFile> => Promise.resolve(file)
  expect(await verify(all.attempt, { ...all.result, file, rewrite })).toMatchObject({ kind: 'failed', error: { code: 'VERIFY_FAILED' } })
})

test('other bytes again: failed, and it says where', async () => {
  const all = await written(2)
  expect(await checked(all)).toMatchObject({
    kind: 'failed',
    error: { code: 'VERIFY_FAILED', message: expect.stringContaining(`${TARGET} on site "gdrive"`) },
  })
  expect(all.target.calls.write).toBe(2)
})

test.each<Outcome>([
  { kind: 'failed', error: new SyncError('BAD_PATH', 'x') },
  { kind: 'released', reason: 'paused' },
])('an attempt that ended before passes: $kind', async (outcome) => {
  const { attempt } = await written(0)
  expect(await verify(attempt, outcome)).toBe(outcome)
})

describe('a fault meanwhile', () => {
  test('of the target while it is read', async () => {
    const all = await written(0)
    const error = new SyncError('QUOTA', 'too many downloads')
    all.target.faults.read = error
    expect(await checked(all)).toEqual({ kind: 'site-trouble', error, site: 'gdrive' })
  })

  test('of the target while it is sent again', async () => {
    const all = await written(1)
    const error = new SyncError('DISK_FULL', 'full')
    all.target.faults.write = error
    expect(await checked(all)).toEqual({ kind: 'site-trouble', error, site: 'gdrive' })
  })

  test('of the target that passes: read again, and nothing is sent again', async () => {
    const all = await written(0, {}, 2)
    all.target.passing.push(new SyncError('INTERRUPTED', 'reset'), new SyncError('BUSY', 'in use'))
    expect(await checked(all)).toMatchObject({ kind: 'synced', sent: 11 })
    expect(all.target.calls.write).toBe(1)
  })

  test.each(['SOURCE_MISSING', 'SOURCE_UNREADABLE', 'SOURCE_CHANGED'] as const)(
    'of the target that is meant for sources (%s): its file is written again, and no source is blamed',
    async (code) => {
      const all = await written(0)
      all.target.passing.push(new SyncError(code, 'somebody removed it'))
      expect(await checked(all)).toMatchObject({ kind: 'synced', sent: 22 })
      all.target.faults.read = new SyncError(code, 'and again')
      expect(await checked(all)).toMatchObject({ kind: 'failed', error: { code: 'VERIFY_FAILED' } })
    },
  )

  test('that may pass is trouble of the site', async () => {
    const all = await written(0)
    all.target.faults.read = new SyncError('INTERRUPTED', 'reset')
    expect(await checked(all)).toMatchObject({ kind: 'site-trouble', site: 'gdrive', error: { code: 'UNREACHABLE' } })
  })

  test('of the source, which is read again for its checksum: the target is not to blame', async () => {
    const error = new SyncError('UNREACHABLE', 'file server down')
    let asked = 0
    const inner = memorySource('the content')
    const all = await written(0, {
      checksum: async (algorithm, signal) => (++asked > 1 ? Promise.reject(error) : inner.checksum(algorithm, signal)),
    })
    expect(await checked(all)).toEqual({ kind: 'site-trouble', error, site: 'studio' })
  })

  test('of the file', async () => {
    const error = new SyncError('SOURCE_CHANGED', 'x was changed')
    let asked = 0
    const inner = memorySource('the content')
    const all = await written(0, {
      checksum: async (algorithm, signal) => (++asked > 1 ? Promise.reject(error) : inner.checksum(algorithm, signal)),
    })
    expect(await checked(all)).toEqual({ kind: 'failed', error })
  })

  test('an abortion: the outcome is its reason', async () => {
    const all = await written(0)
    const reason: Outcome = { kind: 'released', reason: 'shutdown' }
    all.attempt.end(reason)
    expect(await checked(all)).toEqual(reason)
  })
})

import { Readable } from 'node:stream'

import { expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { sourceFaults } from '../../../src/pipeline/source-faults.ts'
import type { ByteSource } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'

const signal = new AbortController().signal
const fault = new SyncError('UNREACHABLE', 'source down')

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const failing = async (): Promise<never> => Promise.reject(fault)

const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const chunk of stream) void chunk
}

test.each<[string, Partial<ByteSource>, (source: ByteSource) => Promise<unknown>]>([
  ['opening it', { open: failing }, async (source) => source.open(0, signal)],
  ['its checksum', { checksum: failing }, async (source) => source.checksum('md5', signal)],
  [
    'what is known of it',
    {
      learn() {
        throw fault
      },
    },
    async (source) => Promise.resolve(source.learn?.('md5', 'x')),
  ],
  ['comparing it', { assertUnchanged: failing }, async (source) => source.assertUnchanged()],
  [
    'reading it',
    {
      open: async () =>
        Promise.resolve(
          new Readable({
            read() {
              this.destroy(fault)
            },
          }),
        ),
    },
    async (source) => drain(await source.open(0, signal)),
  ],
])('a fault in %s is the source’s', async (_title, broken, use) => {
  const blame = sourceFaults({ ...memorySource('abc'), ...broken })
  const error = await thrownBy(async () => use(blame.source))
  expect(error).toBe(fault)
  expect(blame.isSourceFault(error)).toBe(true)
  expect(blame.isSourceFault(new SyncError('INTERRUPTED', 'upload failed', { cause: new Error('pipe', { cause: error }) }))).toBe(true)
})

test.each([new SyncError('UNREACHABLE', 'source down'), new Error('x', { cause: 'y' }), 'text', undefined, null])(
  'a fault of its own is the target’s, however alike: %o',
  async (error) => {
    const blame = sourceFaults({ ...memorySource('abc'), open: failing })
    await thrownBy(async () => blame.source.open(0, signal))
    expect(blame.isSourceFault(error)).toBe(false)
  },
)

test('the source is passed on as it is', async () => {
  const inner = { ...memorySource('abc'), mode: 0o640, openFile: async () => Promise.resolve(undefined) }
  const { source } = sourceFaults(inner)
  expect(source).toMatchObject({ size: 3, modified: inner.modified, mode: 0o640 })
  expect(Object.keys(sourceFaults(memorySource('abc')).source)).not.toContain('mode')
  expect(await source.checksum('md5', signal)).toBe('900150983cd24fb0d6963f7d28e17f72')
  expect(Buffer.concat((await (await source.open(1, signal)).toArray()) as Buffer[]).toString()).toBe('bc')
  await expect(source.assertUnchanged()).resolves.toBeUndefined()
})

import { beforeEach, describe, expect, test } from 'vitest'

import type { MemorySource } from '../../support/memory-source.ts'
import { memorySource } from '../../support/memory-source.ts'
import type { Harness } from './harness.ts'
import { KIB, MIB, noise } from './harness.ts'

const ABORTED = { message: expect.stringMatching(/abort|stopped/i) as string }

/** Whatever ends a write, its path holds the old file or none, and nothing else is left. */
export function interruptedWritesContract(h: Harness): void {
  describe.each([
    ['a new file', undefined],
    ['an old file', 'the old bytes'],
  ])('a write of %s that does not come to its end', (_, old) => {
    const untouched = { stored: old, names: old === undefined ? [] : ['f.exr'], around: [] }
    beforeEach(async () => {
      if (old !== undefined) await h.write('a/f.exr', old)
    })

    test('aborted before it starts', async () => {
      const source = memorySource('new')
      const writing = h.write('a/f.exr', source, { signal: AbortSignal.abort() })
      expect(await outcomeOf(h, writing)).toMatchObject({ error: ABORTED, ...untouched })
      expect(source.opened).toEqual([])
    })

    test.each([200 * KIB, 7 * MIB])('aborted at a chunk of %i bytes', async (size) => {
      const controller = new AbortController()
      const beforeChunk = (offset: number): void => (offset >= size / 2 ? controller.abort() : undefined)
      const source = memorySource(noise(size), { beforeChunk })
      const writing = h.write('a/f.exr', source, { signal: controller.signal })
      expect(await outcomeOf(h, writing)).toMatchObject({ error: ABORTED, ...untouched })
      expect(source.handedOut()).toBeLessThanOrEqual(size / 2 + 2 * MIB)
    })

    test('aborted while the source hangs', async () => {
      const controller = new AbortController()
      const beforeChunk = async (offset: number): Promise<void> => {
        if (offset === 0) return
        controller.abort()
        await new Promise(() => {})
      }
      const writing = h.write('a/f.exr', memorySource(noise(6 * MIB), { beforeChunk }), { signal: controller.signal })
      expect(await outcomeOf(h, writing)).toMatchObject({ error: ABORTED, ...untouched })
    })

    test.each([100, 6 * MIB])('the source of %i bytes fails', async (size) => {
      const beforeChunk = (offset: number): void => {
        if (offset >= size / 2 || size < 64 * KIB) throw new Error('the source broke')
      }
      const writing = h.write('a/f.exr', memorySource(noise(size), { beforeChunk }))
      expect(await outcomeOf(h, writing)).toMatchObject({
        error: { message: expect.stringContaining('source broke') as string },
        ...untouched,
      })
    })

    test.each([1, 6 * MIB])('the source of %i bytes changes meanwhile', async (size) => {
      const source: MemorySource = memorySource(noise(size), { changed: () => source.handedOut() > 0 })
      expect(await outcomeOf(h, h.write('a/f.exr', source))).toMatchObject({ error: { code: 'SOURCE_CHANGED' }, ...untouched })
    })

    test.each([-1, 1])('the source has %i bytes more than it says', async (more) => {
      const source = { ...memorySource(noise(1000)), size: 1000 - more }
      expect(await outcomeOf(h, h.write('a/f.exr', source))).toMatchObject({ error: { kind: 'file' }, ...untouched })
    })

    test('its session can not be saved', async () => {
      const source = memorySource(noise(6 * MIB))
      let openedBefore: number | undefined
      const saveSession = async (): Promise<void> => {
        openedBefore = source.handedOut()
        await Promise.reject(new Error('the database is gone'))
      }
      const state = await outcomeOf(h, h.write('a/f.exr', source, { saveSession }))
      const failed = { error: { message: expect.stringContaining('database is gone') as string }, ...untouched }
      // A provider without sessions has nothing to save, and succeeds.
      expect(state).toMatchObject(openedBefore === undefined ? { error: 'it did come to its end' } : failed)
    })
  })
}

/** How a write to `a/f.exr` ended, and what is there now. */
async function outcomeOf(h: Harness, writing: Promise<unknown>): Promise<object> {
  const error: unknown = await writing.then(
    () => 'it did come to its end',
    (thrown: unknown) => thrown,
  )
  return { error, stored: (await h.readBack('a/f.exr'))?.toString(), names: await h.names('a'), around: await h.names('') }
}

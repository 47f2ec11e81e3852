import { describe, expect, test } from 'vitest'

import type { WriteSession } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import type { Harness } from './harness.ts'
import { MIB, noise, same } from './harness.ts'

/** What an unfinished write saved serves the next one, in this process or another; what does not fit is no harm. */
export function sessionsContract(h: Harness): void {
  describe('sessions', () => {
    test('an interrupted write is brought to its end by the next one', async () => {
      const bytes = noise(9 * MIB + 1)
      const session = await interruptedWrite(h, 'a/f.mov', bytes)
      const source = memorySource(bytes)
      expect((await h.write('a/f.mov', source, session)).size).toBe(bytes.length)
      expect(source.handedOut()).toBeLessThanOrEqual(bytes.length - 4 * MIB)
      expect(same(await h.readBack('a/f.mov'), bytes)).toBe(true)
      expect(await h.names('a')).toEqual(['f.mov'])
    })

    test('a session of what the source was before is not mixed with what it is now', async () => {
      const session = await interruptedWrite(h, 'a/f.mov', noise(9 * MIB))
      const other = noise(8 * MIB + 5, 7)
      await h.write('a/f.mov', memorySource(other, { modified: new Date('2025-01-01T00:00:00.000Z') }), session)
      expect(same(await h.readBack('a/f.mov'), other)).toBe(true)
    })

    test('nor of a source of the same size and another time', async () => {
      const session = await interruptedWrite(h, 'a/f.mov', noise(9 * MIB))
      const other = noise(9 * MIB, 7)
      await h.write('a/f.mov', memorySource(other, { modified: new Date('2025-01-01T00:00:00.000Z') }), session)
      expect(same(await h.readBack('a/f.mov'), other)).toBe(true)
    })

    test('a session that was used up, or never was one, does not matter', async () => {
      const bytes = noise(6 * MIB)
      const session = await interruptedWrite(h, 'a/f.mov', bytes)
      await h.write('a/f.mov', bytes, session)
      const newer = memorySource(noise(6 * MIB, 3), { modified: new Date('2025-01-01T00:00:00.000Z') })
      await h.write('a/f.mov', newer, session)
      expect(same(await h.readBack('a/f.mov'), noise(6 * MIB, 3))).toBe(true)
      await h.write('a/g.mov', bytes, { session: { nonsense: true, upload: 'gone' } })
      expect(same(await h.readBack('a/g.mov'), bytes)).toBe(true)
      expect(await h.names('a')).toEqual(['f.mov', 'g.mov'])
    })
  })
}

/** Starts a write, aborts it halfway, and gives back what it saved last, as it comes out of a database. */
async function interruptedWrite(h: Harness, path: string, bytes: Buffer): Promise<{ readonly session?: WriteSession }> {
  const controller = new AbortController()
  const sessions: WriteSession[] = []
  const saveSession = async (saved: WriteSession): Promise<void> => {
    sessions.push(JSON.parse(JSON.stringify(saved)) as WriteSession)
    await Promise.resolve()
  }
  const beforeChunk = (offset: number): void => (offset >= bytes.length / 2 ? controller.abort() : undefined)
  const writing = h.write(path, memorySource(bytes, { beforeChunk }), { signal: controller.signal, saveSession })
  await expect(writing).rejects.toThrow(/abort|stopped/i)
  const session = sessions.at(-1)
  return session === undefined ? {} : { session }
}

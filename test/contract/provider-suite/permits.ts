import { beforeEach, describe, expect, test } from 'vitest'

import { memorySource, type MemorySource } from '../../support/memory-source.ts'
import type { Harness } from './harness.ts'
import { MIB, noise, same } from './harness.ts'
import { HeldPermit } from './held-permit.ts'

const SIZES = [
  ['an empty file', 0],
  ['a small file', 1_000],
  ['a file of many chunks', 9 * MIB + 1],
] as const

const PLACES = [
  ['in a folder that is there', 'a/f.mov', undefined],
  ['in folders that are not there', 'a/new/folder/f.mov', undefined],
  ['in the place of an old one', 'a/f.mov', 'the old bytes'],
] as const

const STOPPED = /abort|stopped/i

/** Until its permit is granted, a write leaves nothing that anybody else can see; when it never is, it leaves nothing at all. */
export function permitsContract(h: Harness): void {
  describe.each(SIZES)('%s whose permit', (_what, size) => {
    describe.each(PLACES)('%s', (_where, path, old) => {
      const bytes = noise(size)
      let before: readonly string[] = []
      beforeEach(async () => {
        await h.write('a/neighbour.ma', 'x')
        if (old !== undefined) await h.write(path, old)
        before = await h.everything()
      })

      /** All is as it was, whoever looks; `hidden`: but for what a later attempt goes on with. */
      const expectUntouched = async ({ hidden = false } = {}): Promise<void> => {
        const now = await h.everything()
        expect(hidden ? now.filter((name) => !isHidden(name)) : now).toEqual(before)
        expect((await h.readBack(path))?.toString()).toBe(old)
      }

      /** The whole file is there, and nothing else came. */
      const expectWritten = async (): Promise<void> => {
        expect(same(await h.readBack(path), bytes)).toBe(true)
        const came = (await h.everything()).filter((name) => !before.includes(name))
        expect(came.filter((name) => !path.startsWith(name))).toEqual([])
      }

      test('comes late is seen when it is granted, not before, and then it is whole', async () => {
        const permit = new HeldPermit()
        const writing = begin(h, path, memorySource(bytes), permit)
        await Promise.race([permit.isAwaited, writing.ended])
        expect(writing.error).toBeUndefined()
        await expectUntouched({ hidden: true })
        permit.grant()
        await writing.ended
        expect(writing.error).toBeUndefined()
        await expectWritten()
      })

      test('is refused leaves nothing, whatever was sent by then', async () => {
        const permit = new HeldPermit()
        const writing = begin(h, path, memorySource(bytes), permit)
        await Promise.race([permit.isAwaited, writing.ended])
        permit.end('refused')
        await writing.ended
        expect(String(writing.error)).toMatch(STOPPED)
        await expectUntouched()
      })

      test('is refused before anything was sent leaves nothing', async () => {
        const permit = new HeldPermit()
        permit.end('refused')
        const source = memorySource(bytes)
        const writing = begin(h, path, source, permit)
        await writing.ended
        expect(String(writing.error)).toMatch(STOPPED)
        expect(source.handedOut()).toBe(0)
        await expectUntouched()
      })

      test('is withdrawn midway, because nobody wants the file any more, leaves nothing', async () => {
        const permit = new HeldPermit()
        const writing = begin(h, path, stoppingSource(bytes, permit, 'dropped'), permit)
        await Promise.race([permit.isAwaited, writing.ended])
        permit.end('dropped')
        await writing.ended
        expect(String(writing.error)).toMatch(STOPPED)
        await expectUntouched()
      })

      test('is withdrawn midway for a while leaves nothing but what the next attempt goes on with', async () => {
        const permit = new HeldPermit()
        const writing = begin(h, path, stoppingSource(bytes, permit, 'paused'), permit)
        await Promise.race([permit.isAwaited, writing.ended])
        permit.end('paused')
        await writing.ended
        expect(String(writing.error)).toMatch(STOPPED)
        await expectUntouched({ hidden: true })
        const next = new HeldPermit(permit.saved.at(-1))
        next.grant()
        await begin(h, path, memorySource(bytes), next).ended
        await expectWritten()
      })
    })
  })
}

interface Writing {
  readonly ended: Promise<void>
  error: unknown
}

function begin(h: Harness, path: string, source: MemorySource, permit: HeldPermit): Writing {
  const writing = h.write(path, source, { permit, signal: permit.signal })
  const seen: Writing = {
    ended: writing.then(
      () => undefined,
      (error: unknown) => {
        seen.error = error
      },
    ),
    error: undefined,
  }
  return seen
}

/** Bytes of which half were sent when the permit ends. */
function stoppingSource(bytes: Buffer, permit: HeldPermit, how: 'dropped' | 'paused'): MemorySource {
  return memorySource(bytes, { beforeChunk: (offset) => (offset >= bytes.length / 2 ? permit.end(how) : undefined) })
}

function isHidden(path: string): boolean {
  return path.slice(path.replace(/\/$/, '').lastIndexOf('/') + 1).startsWith('.')
}

import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { memorySource } from '../../support/memory-source.ts'
import type { Harness } from './harness.ts'
import { never } from './harness.ts'

const faultOf = async (work: Promise<unknown>): Promise<SyncError | undefined> =>
  await work.then(
    () => undefined,
    (error: unknown) => error as SyncError,
  )

/** What the blame for a fault depends on: probes that try what failed, and faults that do not claim more than they know. */
export function healthContract(h: Harness): void {
  describe('health', () => {
    test.each(['read', 'write', undefined] as const)('a probe (%s) of a site that is well leaves nothing behind', async (operation) => {
      await h.write('f.ma', 'x')
      await h.provider.probe({ signal: never(), ...(operation && { operation }) })
      expect(await h.names('')).toEqual(['f.ma'])
      expect(String(await h.read('f.ma'))).toBe('x')
    })

    test('a probe obeys its signal', async () => {
      await expect(h.provider.probe({ signal: AbortSignal.abort() })).rejects.toThrow(/abort|stopped/i)
    })

    test('a folder that may not be written to is not the site’s trouble: the fault is no certain one, the probe works', async ({
      skip,
    }) => {
      await h.write('closed/old.ma', 'old')
      await h.write('open/old.ma', 'old')
      if (!(await h.closeFolder('closed'))) return skip('this provider has no such folders here')
      const fault = await faultOf(h.write('closed/new.ma', 'new'))
      expect(fault).toBeInstanceOf(SyncError)
      expect([fault?.kind === 'file' || !fault?.isCertain, fault?.message]).toEqual([true, expect.stringContaining('closed')])
      await h.provider.probe({ signal: never() })
      await h.write('open/new.ma', 'new')
      expect(String(await h.readBack('closed/old.ma'))).toBe('old')
      expect(await h.names('closed')).toEqual(['old.ma'])
    })

    test('a root that may not be written to fails the probe of writing, and not that of reading', async ({ skip }) => {
      if (!(await h.closeFolder(''))) return skip('this provider has no such folders here')
      const fault = await faultOf(h.provider.probe({ signal: never() }))
      expect(fault).toMatchObject({ message: expect.stringMatching(/./) as string })
      expect(fault?.kind).not.toBe('file')
      await h.provider.probe({ signal: never(), operation: 'read' })
    })

    test('a root is one place, however often it is asked for', async () => {
      const { root } = h.at('')
      const [first, second] = [await h.provider.identify(root, { signal: never() }), await h.provider.identify(root, { signal: never() })]
      expect(second).toBe(first)
    })

    test.each(['+030828-06-07T00:00:00Z', '1969-12-31T23:59:59Z', '1601-01-01T00:00:00Z', '-000044-03-15T00:00:00Z', 'no time at all'])(
      'a source that was changed at %s arrives all the same',
      async (time) => {
        await h.write('f.ma', { ...memorySource('content'), modified: new Date(time) })
        expect(String(await h.readBack('f.ma'))).toBe('content')
      },
    )

    test('upper and lower case are one file with one content, or two files', async () => {
      await h.write('case/Plate.ma', 'first')
      const second = await faultOf(h.write('case/plate.ma', 'second'))
      expect([undefined, 'TARGET_CONFLICT']).toContain(second?.code)
      expect(second?.message ?? 'Plate.ma').toContain('Plate.ma')
      expect(await h.names('case')).toEqual(second ? ['Plate.ma'] : ['Plate.ma', 'plate.ma'])
      expect(String(await h.readBack('case/Plate.ma'))).toBe('first')
      expect(await h.provider.stat(h.at('case/Plate.ma'), { signal: never(), exact: true })).toMatchObject({ size: 5 })
    })
  })
}

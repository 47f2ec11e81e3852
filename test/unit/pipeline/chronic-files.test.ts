import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import { ChronicFiles } from '../../../src/pipeline/chronic-files.ts'
import type { Held } from '../../../src/pipeline/contracts.ts'
import { transferOf } from '../../support/model-samples.ts'

const held = (transfer: Transfer): Held => ({ transfer }) as Held
const trouble: Outcome = { kind: 'site-trouble', site: 'gdrive', error: new SyncError('UNREACHABLE', 'x') }
const synced: Outcome = { kind: 'synced', id: '1', bytes: 1, sent: 1 }

/** A file in trouble so many times, others of its site served in between. */
function after(troubles: number, servedMeanwhile: number, site = 'gdrive'): boolean {
  const chronic = new ChronicFiles()
  const [file, other] = [held(transferOf()), held(transferOf({ site }))]
  for (let n = 0; n < troubles; n++) chronic.note(file, trouble)
  for (let n = 0; n < servedMeanwhile; n++) chronic.note(other, synced)
  return chronic.isChronic(file)
}

describe('a file is in trouble itself', () => {
  test.each([
    ['never in trouble', 0, 5, false],
    ['the second time', 1, 5, false],
    ['the third time, others were served since', 2, 1, true],
    ['later', 7, 1, true],
    ['the third time, nobody was served: it is the site', 2, 0, false],
    ['many times, nobody was served', 50, 0, false],
  ])('%s', (_title, troubles, served, chronic) => {
    expect(after(troubles, served)).toBe(chronic)
  })

  test('what other sites serve does not count', () => {
    expect(after(2, 5, 'nas')).toBe(false)
  })

  test.each<Outcome>([synced, { kind: 'failed', error: new SyncError('SOURCE_MISSING', 'x') }, { kind: 'dropped', reason: 'x' }])(
    'another outcome wipes the slate: %j',
    (outcome) => {
      const chronic = new ChronicFiles()
      const [file, other] = [held(transferOf()), held(transferOf())]
      chronic.note(file, trouble)
      chronic.note(file, trouble)
      chronic.note(file, outcome)
      chronic.note(other, synced)
      expect(chronic.isChronic(file)).toBe(false)
    },
  )
})

import { expect, test } from 'vitest'

import type { ScanRequest } from '../../../src/pipeline/scan-plan.ts'
import { pagesBeside } from '../../../src/service/engine-steps.ts'

async function* none(): AsyncGenerator<never> {}

test.each([
  ['interval', true, true, 0],
  ['interval', true, false, 1],
  ['room', false, false, 0],
  ['stream', false, true, 1],
  ['overflow', false, true, 1],
] as const)(
  'a scan (%s, regular: %s) while a stream tells of changes (%s) looks at what runs %i times',
  (reason, regular, isTold, times) => {
    let looks = 0
    const request: ScanRequest = { reason, regular, asOf: undefined, sites: undefined }
    const pages = pagesBeside({ pages: none, isTold: () => isTold }, () => looks++)
    pages(request, new AbortController().signal)
    expect(looks).toBe(times)
  },
)

import { expect, test } from 'vitest'

import { summarise } from '../support/test-summary.ts'

const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((each) => ({ status: each })),
})

test('the last line counts tests', () => {
  expect(summarise({ testResults: [file('passed', 'passed', 'passed')] }, 0)).toEqual({ ok: true, lines: ['2 passed, 0 failed'] })
  expect(summarise({ testResults: [file('failed', 'passed', 'failed')] }, 1)).toEqual({ ok: false, lines: ['1 passed, 1 failed'] })
  expect(summarise({ testResults: [file('passed', 'passed', 'pending')] }, 0)).toEqual({
    ok: true,
    lines: ['1 passed, 0 failed, 1 skipped'],
  })
})

test('a file that did not load, a run without tests and a bad exit are failures', () => {
  const unloaded = summarise({ testResults: [file('passed', 'passed'), file('failed')] }, 1)
  expect(unloaded).toEqual({ ok: false, lines: ['outside of its tests failed: a.test.ts', '1 passed, 1 failed'] })
  expect(summarise({ testResults: [] }, 0)).toEqual({ ok: false, lines: ['no test ran', '0 passed, 1 failed'] })
  expect(summarise(undefined, 1)).toEqual({ ok: false, lines: ['no test ran', '0 passed, 1 failed'] })
  const unhandled = summarise({ testResults: [file('passed', 'passed')] }, 1)
  expect(unhandled).toEqual({ ok: false, lines: ['vitest ended with 1 although every test passed', '1 passed, 1 failed'] })
})

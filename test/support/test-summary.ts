/** What is read of the report that vitest writes. */
export interface JsonReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

export interface TestSummary {
  readonly ok: boolean
  /** The last one is `N passed, N failed`, with `, N skipped` when there are any. */
  readonly lines: readonly string[]
}

/** Counts tests; a file that did not load, a run without tests and a failure outside of any test count as one failure each. */
export function summarise(report: JsonReport | undefined, exitCode: number | null): TestSummary {
  const files = report?.testResults ?? []
  const statuses = files.flatMap((file) => file.assertionResults.map(({ status }) => status))
  const passed = statuses.filter((status) => status === 'passed').length
  const skipped = statuses.filter((status) => status !== 'passed' && status !== 'failed').length
  const unloaded = files.filter((file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'))
  const lines = unloaded.map((file) => `outside of its tests failed: ${file.name}`)
  let failed = statuses.length - passed - skipped + unloaded.length
  if (failed === 0 && (exitCode !== 0 || statuses.length === 0)) {
    failed = 1
    lines.push(statuses.length === 0 ? 'no test ran' : `vitest ended with ${exitCode ?? 'a signal'} although every test passed`)
  }
  lines.push(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
  return { ok: failed === 0, lines }
}

import { defineConfig } from 'vitest/config'

/** What measures time by the clock, or by the processor, is not run beside anything else: it would measure that. */
const MEASURING = ['test/bench/**/*.test.ts', 'test/unit/logging/linear-patterns.test.ts']
const ALL = ['test/**/*.test.ts']

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    retry: 0,
    allowOnly: false,
    projects: [
      { extends: true, test: { name: 'tests', include: ALL, exclude: MEASURING, sequence: { groupOrder: 1 } } },
      { extends: true, test: { name: 'measuring', include: MEASURING, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
})

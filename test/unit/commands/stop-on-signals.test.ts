import { expect, onTestFinished, test } from 'vitest'

import { stopOnSignals } from '../../../src/commands/run-service.ts'

test('the same Ctrl-C heard twice stops in good order; one that comes later forces', () => {
  const calls: string[] = []
  let now = 1_000
  const service = { stop: () => void calls.push('stop'), force: () => void calls.push('force') }
  onTestFinished(stopOnSignals(service, () => now))
  process.emit('SIGINT')
  process.emit('SIGINT')
  now += 400
  process.emit('SIGTERM')
  expect(calls).toEqual(['stop'])
  now += 200
  process.emit('SIGINT')
  expect(calls).toEqual(['stop', 'force'])
})

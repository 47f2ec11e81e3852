import { expect, test } from 'vitest'

import { readiness, type ServiceState } from '../../../src/model/health.ts'

const WELL: ServiceState = { isReady: true, isOff: false, stream: 'open' }

test.each<[string, Partial<ServiceState>, string | undefined, readonly string[]]>([
  ['all is well', {}, undefined, []],
  ['a server without change streams: scans find the work', { stream: 'unavailable', streamFault: 'no replica set' }, undefined, []],
  ['nothing is to be synced', { isOff: true, stream: 'opening' }, undefined, []],
  ['it starts', { isReady: false, stream: 'opening' }, undefined, ['the service is starting, or ending']],
  ['the stream is lost', { stream: 'lost', streamFault: 'cut off' }, undefined, ['the change stream is not open: cut off']],
  ['no primary', {}, 'it has no primary', ['MongoDB: it has no primary']],
  ['a wrong configuration', { rejected: 'retry_cnt is "x"' }, undefined, ['the changed configuration was not taken: retry_cnt is "x"']],
])('%s', (_what, state, database, reasons) => {
  expect(readiness({ ...WELL, ...state }, database)).toEqual({ isReady: reasons.length === 0, reasons })
})

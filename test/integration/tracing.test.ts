import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { expect, onTestFinished, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { findTracing } from '../../src/tracing/find-tracing.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

/** As a user's `--import` does. */
function register(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter()
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  onTestFinished(() => {
    trace.disable()
    context.disable()
  })
  return exporter
}

test('without an SDK there is no tracing', async () => {
  Reflect.deleteProperty(globalThis, Symbol.for('opentelemetry.js.api.1'))
  expect(await findTracing()).toBeUndefined()
})

test('each attempt is a span with its steps, and says what came of it', async () => {
  const exporter = register()
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { retryCount: 1 } })
  stage.spy('nas').fail({ verb: 'write', with: new SyncError('REFUSED', 'mongodb://anna:secret-word@db/ said no') })
  const running = await stage.start()
  await stage.file('a.ma', 'twelve bytes')
  const document = representation([entry('{root[work]}/a.ma', inArray('gdrive', 'nas'))])
  await stage.insert(document)
  await stage.synced(document)
  await stage.until(document, 'its failure', ({ error }) => error !== undefined, { site: 'nas' })
  const spans = () => exporter.getFinishedSpans()
  await waitFor('both spans', () => spans().filter(({ name }) => name === 'transfer').length === 2)
  const [started] = running.lines.of('transfer.started').filter(({ site_sync: fields }) => fields?.['site'] === 'gdrive')
  await running.stop()

  const bySite = (site: string) => spans().find(({ name, attributes }) => name === 'transfer' && attributes['site_sync.site'] === site)
  const synced = bySite('gdrive')
  expect(synced?.attributes).toMatchObject({
    'site_sync.project': 'prj',
    'site_sync.path': '{root[work]}/a.ma',
    'site_sync.source': 'studio',
    'site_sync.outcome': 'synced',
    'site_sync.bytes': 12,
    'site_sync.sent_bytes': 12,
    'site_sync.attempt_id': started?.site_sync?.attempt_id,
  })
  const steps = spans().filter(({ parentSpanContext }) => parentSpanContext?.spanId === synced?.spanContext().spanId)
  expect(steps.map(({ name }) => name).toSorted()).toEqual(['claim', 'copy', 'verify', 'write back'])
  const failed = bySite('nas')
  expect([failed?.attributes['site_sync.outcome'], failed?.attributes['error.type']]).toEqual(['failed', 'REFUSED'])
  expect(JSON.stringify(failed?.status)).not.toContain('secret-word')
})

import { SpanStatusCode, trace, type Span } from '@opentelemetry/api'

import { messageOf } from '../errors.ts'
import { redact } from '../logging.ts'
import { idPlain } from '../model/document.ts'
import type { Transfer } from '../model/transfer.ts'
import type { Settled, Tracing } from '../pipeline/contracts.ts'
import { version } from '../version.ts'

/** A span for each attempt, and one in it for each step; secrets are taken out as they are from the log. */
export function openTelemetry(): Tracing {
  const tracer = trace.getTracer('site-sync', version())
  const spanning = async <T>(name: string, work: (span: Span) => Promise<T>): Promise<T> =>
    await tracer.startActiveSpan(name, async (span) => {
      try {
        return await work(span)
      } catch (error) {
        fail(span, error)
        throw error
      } finally {
        span.end()
      }
    })
  return {
    async attempt({ id, transfer }, work) {
      return await spanning('transfer', async (span) => {
        span.setAttributes({ ...attributesOf(transfer), 'site_sync.attempt_id': id })
        const settled = await work()
        tellOutcome(span, settled)
        return settled
      })
    },
    step: async (name, work) => await spanning(name, work),
  }
}

function attributesOf({ project, representationId, fileId, path, site, route, tries }: Transfer): Record<string, string | number> {
  return {
    'site_sync.project': redact(project),
    'site_sync.representation_id': redact(idPlain(representationId)),
    'site_sync.file_id': redact(idPlain(fileId)),
    'site_sync.path': redact(path),
    'site_sync.site': redact(site),
    'site_sync.tries': tries,
    ...('sourceSite' in route && { 'site_sync.source': redact(route.sourceSite.name) }),
  }
}

/** Undefined: the attempt was not ours to make. */
function tellOutcome(span: Span, settled: Settled | undefined): void {
  const outcome = settled?.outcome
  span.setAttribute('site_sync.outcome', outcome?.kind ?? 'refused')
  if (outcome?.kind === 'synced') span.setAttributes({ 'site_sync.bytes': outcome.bytes, 'site_sync.sent_bytes': outcome.sent })
  if (outcome?.kind !== 'failed' && outcome?.kind !== 'site-trouble') return
  span.setAttribute('error.type', outcome.error.code)
  fail(span, outcome.error)
}

function fail(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: redact(messageOf(error)) })
}

import type { Tracing } from '../pipeline/contracts.ts'

/** Where all copies of OpenTelemetry's API, 1.x, keep what an SDK has registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

/** Undefined where the process has no SDK of OpenTelemetry (`node --import`): nothing is loaded then, and an attempt costs nothing more. */
export async function findTracing(): Promise<Tracing | undefined> {
  if (!(REGISTERED in globalThis)) return undefined
  return (await import('./spans.ts')).openTelemetry()
}

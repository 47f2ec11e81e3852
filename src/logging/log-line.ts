import { SyncError } from '../errors.ts'
import { LOG_ACTIONS, type LogAction, type LogFields, type LogLevel, type LogOutcome } from '../model/log.ts'
import { redact, redactDeep } from './redact.ts'

export interface LogLine {
  readonly level: LogLevel
  readonly message: string
  readonly event: { readonly action: LogAction; readonly outcome: LogOutcome; /** Nanoseconds. */ readonly duration?: number }
  readonly error?: LogLineError
  readonly site_sync?: Readonly<Record<string, unknown>>
}

interface LogLineError {
  readonly message: string
  readonly type: string
  readonly code?: string
  readonly stack_trace?: string
}

/** An event as a line in the Elastic Common Schema, without secrets. */
export function logLine(action: LogAction, fields: LogFields, withStack: boolean): LogLine {
  const defaults = LOG_ACTIONS[action]
  const ours = siteSyncFields(fields)
  const duration = fields.durationMs === undefined ? Number.NaN : Math.round(fields.durationMs * 1e6)
  return {
    level: fields.level ?? defaults.level,
    message: redact(fields.message ?? defaults.message),
    event: { action, outcome: fields.outcome ?? defaults.outcome, ...(Number.isFinite(duration) && { duration }) },
    ...(fields.error !== undefined && fields.error !== null && { error: errorFields(fields.error, withStack) }),
    ...(Object.values(ours).some((value) => value !== undefined) && { site_sync: ours }),
  }
}

function siteSyncFields(fields: LogFields): Record<string, unknown> {
  const { project, representationId, fileId, path, site, provider, bytes, tries, attemptId, extra } = fields
  return {
    ...(extra && (redactDeep(extra) as Record<string, unknown>)),
    project: shown(project),
    representation_id: shown(representationId),
    file_id: shown(fileId),
    path: shown(path),
    site: shown(site),
    provider: shown(provider),
    bytes,
    tries,
    attempt_id: shown(attemptId),
  }
}

function shown(text: string | undefined): string | undefined {
  return text === undefined ? undefined : redact(text)
}

function errorFields(thrown: unknown, withStack: boolean): LogLineError {
  if (!(thrown instanceof Error)) return { message: redact(String(thrown)), type: typeof thrown }
  const code =
    'code' in thrown && (typeof thrown.code === 'string' || typeof thrown.code === 'number') ? { code: redact(String(thrown.code)) } : {}
  const stack = withStack ? stackOf(thrown) : undefined
  return { message: redact(thrown.message), type: redact(thrown.name), ...code, ...(stack !== undefined && { stack_trace: redact(stack) }) }
}

/** A classified fault needs no stack: its message says it all. One that nobody classified has the stack of what was thrown. */
function stackOf(error: Error): string | undefined {
  if (!(error instanceof SyncError)) return error.stack
  if (error.code !== 'UNEXPECTED') return undefined
  return error.cause instanceof Error ? error.cause.stack : error.stack
}

/**
 * Every fault the service knows by name. The code decides what a fault costs; the message is for a person.
 *
 * - `transient`: tried again inside the attempt, with backoff; when that does not help, evidence decides between file and site.
 * - `file`: this file can't be synced as things are; spends one of its tries.
 * - `site`: the site may be in trouble: for certain (see `isCertain`), or if evidence says so (`pipeline/site-evidence.ts`). No tries
 *   are spent then, and the site cools down; otherwise the file is to blame.
 * - `stop`: nobody's fault; the attempt was told to end.
 */
const KIND_BY_CODE = {
  SOURCE_MISSING: 'file',
  SOURCE_CHANGED: 'file',
  SOURCE_INCOMPLETE: 'file',
  SOURCE_UNREADABLE: 'file',
  NOT_A_FILE: 'file',
  BAD_PATH: 'file',
  BAD_ROOT: 'file',
  TARGET_CONFLICT: 'file',
  VERIFY_FAILED: 'file',
  REFUSED: 'file',
  UNEXPECTED: 'file',

  MISCONFIGURED: 'site',
  CREDENTIALS: 'site',
  PERMISSION: 'site',
  QUOTA: 'site',
  RATE_LIMITED: 'site',
  ROOT_MISSING: 'site',
  DISK_FULL: 'site',
  UNREACHABLE: 'site',
  SITE_LIMIT: 'site',

  INTERRUPTED: 'transient',
  BUSY: 'transient',

  ABORTED: 'stop',
} as const

/** Nothing but the site as a whole can be in trouble with these. */
const CERTAIN: ReadonlySet<string> = new Set<keyof typeof KIND_BY_CODE>([
  'MISCONFIGURED',
  'CREDENTIALS',
  'QUOTA',
  'RATE_LIMITED',
  'ROOT_MISSING',
  'SITE_LIMIT',
])

export type ErrorCode = keyof typeof KIND_BY_CODE
export type ErrorKind = (typeof KIND_BY_CODE)[ErrorCode]

export interface SyncErrorOptions {
  readonly cause?: unknown
  /** How long the other side asked us to stay away, in milliseconds. */
  readonly retryAfterMs?: number
  /** The blame lies where the code puts it (true), or where the evidence does (false). @defaultValue by the code; true with `retryAfterMs` */
  readonly certain?: boolean
  /** What is missing is known to have been there: no try is spent, even where there is no site to be left alone. @defaultValue `false` */
  readonly passing?: boolean
  /** Of a `transient` fault: retries inside the attempt at most. @defaultValue as many as the policy has */
  readonly retries?: number
}

/** A fault with a stable code. `message` is one line that a person understands and can act on. */
export class SyncError extends Error {
  override readonly name = 'SyncError'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly retries: number
  /** Whose fault it is, the file's or the site's, is what the code says, whatever evidence there is. */
  readonly isCertain: boolean
  readonly isPassing: boolean

  constructor(code: ErrorCode, message: string, options: SyncErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
    this.retries = options.retries ?? Infinity
    this.isPassing = options.passing === true
    this.isCertain = options.certain ?? (options.retryAfterMs !== undefined || isCertain(code))
  }

  get kind(): ErrorKind {
    return KIND_BY_CODE[this.code]
  }
}

function isCertain(code: ErrorCode): boolean {
  return CERTAIN.has(code) || KIND_BY_CODE[code] === 'file'
}

/** Somebody was told to end, and nobody waits any more. */
export function isStop(error: unknown): boolean {
  return error instanceof SyncError && error.kind === 'stop'
}

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** Wraps whatever was thrown; a fault that nobody classified is the file's: a bug must not stop a site. */
export function toSyncError(thrown: unknown): SyncError {
  if (thrown instanceof SyncError) return thrown
  if (thrown instanceof Error && thrown.name === 'AbortError') return new SyncError('ABORTED', 'stopped', { cause: thrown })
  return new SyncError('UNEXPECTED', messageOf(thrown), { cause: thrown })
}

/** The database server can't do what the service needs, and waiting does not help. The program exits with 2. */
export class UnsupportedServerError extends Error {
  override readonly name = 'UnsupportedServerError'
}

/** What was asked for can't be meant: nothing is selected, or a name is unknown. The program exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** One mistake in the configuration: which key, what it says, what is allowed. */
export interface ConfigProblem {
  readonly key: string
  readonly value?: unknown
  readonly expected: string
}

/** The configuration can't be used; carries all its mistakes at once. The program exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(source: string, problems: readonly ConfigProblem[]) {
    super([`${source}: ${problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`}`, ...problems.map(line)].join('\n'))
    this.problems = problems
  }
}

function line({ key, value, expected }: ConfigProblem): string {
  const said = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`
  return `  ${key} ${said}: ${expected}`
}

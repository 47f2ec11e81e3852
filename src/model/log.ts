/** What the program says about itself: one line an event. `docs/logs.md` tells what each means. */

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'
export type LogOutcome = 'success' | 'failure' | 'unknown'

export interface ActionDefaults {
  readonly level: LogLevel
  readonly outcome: LogOutcome
  /** Said when the event brings no message of its own. */
  readonly message: string
}

const action = (level: LogLevel, outcome: LogOutcome, message: string): ActionDefaults => ({ level, outcome, message })

/** Every action there is. Operators build alerts on these names: none is ever renamed. */
export const LOG_ACTIONS = {
  'service.started': action('info', 'success', 'Site Sync starts'),
  'service.ready': action('info', 'success', 'ready for work'),
  'service.stopping': action('info', 'unknown', 'stopping: no new work is taken'),
  'service.stopped': action('info', 'success', 'stopped'),
  'service.failed': action('error', 'failure', 'the service cannot continue'),
  'service.unexpected': action('error', 'failure', 'unexpected fault; the service goes on'),

  'config.warning': action('warn', 'unknown', 'the configuration holds something that is not used'),
  'config.reloaded': action('info', 'success', 'configuration read again'),
  'config.rejected': action('error', 'failure', 'changed configuration not taken; the former one goes on'),

  'database.connected': action('info', 'success', 'connected to MongoDB'),
  'database.lost': action('warn', 'failure', 'MongoDB is not reachable'),
  'database.recovered': action('info', 'success', 'MongoDB is reachable again'),
  'database.index': action('info', 'success', 'index created'),
  'database.index_failed': action('warn', 'failure', 'index not created'),

  'stream.opened': action('info', 'success', 'change stream opened'),
  'stream.resumed': action('info', 'success', 'change stream resumed where it ended'),
  'stream.lost': action('warn', 'failure', 'change stream lost'),
  'stream.unavailable': action('warn', 'failure', 'no change streams here; scans alone find the work'),

  'scan.finished': action('info', 'success', 'scan finished'),
  'scan.failed': action('warn', 'failure', 'scan failed'),

  'transfer.started': action('info', 'unknown', 'transfer started'),
  'transfer.retried': action('debug', 'unknown', 'interrupted, going on'),
  'transfer.succeeded': action('info', 'success', 'transfer succeeded'),
  'transfer.failed': action('error', 'failure', 'transfer failed'),
  'transfer.exhausted': action('error', 'failure', 'no tries left; delete "tries" in the record to try again'),
  'transfer.dropped': action('warn', 'unknown', 'nobody asks for this file any more; result dropped'),
  'transfer.released': action('info', 'unknown', 'transfer given back unfinished'),

  'record.unreadable': action('warn', 'failure', 'record not understood; left as it is'),

  'file.deleted': action('info', 'success', 'a file was deleted from a site, as somebody asked'),
  'file.kept': action('warn', 'unknown', 'a file that was to be deleted from a site is left there'),

  'source.missing': action('warn', 'unknown', 'its record says that the file is there, and it is not; another site serves'),
  'source.size_differs': action('warn', 'unknown', 'the file has another size than its document says; sent as it is'),

  'site.cooling': action('warn', 'failure', 'site is in trouble; waiting before the next attempt'),
  'site.recovered': action('info', 'success', 'site is usable again'),
  'site.misconfigured': action('error', 'failure', 'site left out'),
  'site.skipped': action('info', 'unknown', 'site is not for this machine'),
  'site.warning': action('warn', 'unknown', 'the site reports'),

  'verify.started': action('info', 'unknown', 'a scheduled verify of a site begins'),
  'verify.found': action('warn', 'failure', 'a file is not at a site as its record says'),
  'verify.waiting': action('info', 'unknown', 'a scheduled verify waits for a site in trouble'),
  'verify.finished': action('info', 'success', 'a scheduled verify of a site has ended'),

  'controls.changed': action('info', 'success', 'somebody changed what is to be done'),
  'controls.paused': action('info', 'unknown', 'a pause holds: nothing of it is sent'),
  'controls.resumed': action('info', 'success', 'a pause is over'),
  'shadow.record': action('info', 'unknown', 'would be asked for at a site; shadow mode does nothing'),
  'shadow.transfer': action('info', 'unknown', 'would be sent; shadow mode does nothing'),
  'shadow.failure': action('warn', 'unknown', 'would fail; shadow mode does nothing'),

  'http.listening': action('info', 'success', 'HTTP requests are answered'),
  'http.failed': action('error', 'failure', 'HTTP requests are not answered; syncing goes on'),

  'webhook.delivered': action('debug', 'success', 'a webhook was told'),
  'webhook.failed': action('warn', 'failure', 'a webhook was not told; tried again'),
  'webhook.dropped': action('error', 'failure', 'a webhook was not told, and is not tried again'),

  'log.dropped': action('warn', 'failure', 'lines are missing here: nobody took them'),
} as const satisfies Readonly<Record<string, ActionDefaults>>

export type LogAction = keyof typeof LOG_ACTIONS

/** What an event is about; left out is left out of the line. No value needs redaction or escaping by the caller. */
export interface LogFields {
  readonly message?: string | undefined
  /** Instead of the action's own. */
  readonly level?: LogLevel | undefined
  readonly outcome?: LogOutcome | undefined
  readonly project?: string | undefined
  readonly representationId?: string | undefined
  readonly fileId?: string | undefined
  readonly path?: string | undefined
  readonly site?: string | undefined
  readonly provider?: string | undefined
  readonly bytes?: number | undefined
  readonly tries?: number | undefined
  /** Ties all lines of one attempt together. */
  readonly attemptId?: string | undefined
  readonly durationMs?: number | undefined
  /** Whatever was thrown. A `SyncError` gives its code; anything else also its stack, at level debug. */
  readonly error?: unknown
  /** Further keys below `site_sync.`, in snake_case; they never replace the ones above. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined
}

/** Where events go. Never throws and never waits. */
export interface Log {
  event(action: LogAction, fields?: LogFields): void
}

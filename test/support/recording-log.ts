import type { Log, LogAction, LogFields } from '../../src/model/log.ts'

export interface LoggedEvent extends LogFields {
  readonly action: LogAction
}

/** A log that remembers. */
export class RecordingLog implements Log {
  readonly events: LoggedEvent[] = []

  event(action: LogAction, fields: LogFields = {}): void {
    this.events.push({ action, ...fields })
  }

  /** Names of what happened, in order. */
  get actions(): readonly LogAction[] {
    return this.events.map(({ action }) => action)
  }

  of(action: LogAction): readonly LoggedEvent[] {
    return this.events.filter((event) => event.action === action)
  }
}

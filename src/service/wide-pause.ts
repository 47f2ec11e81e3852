import { endOf } from '../model/pause-end.ts'
import { isWithin, overlaps, pauseText, scopeText, type Pause } from '../model/pauses.ts'
import type { WideScope } from '../model/selection.ts'
import { audit } from '../streams/audit.ts'
import { controlStore } from '../streams/control-store.ts'
import { serverTime } from '../streams/scan.ts'
import type { Control, ControlParts } from './controls.ts'

/** What was changed, or would be. */
export interface WidePauseDone {
  /** Begun, or ended. */
  readonly changed: readonly Pause[]
  /** What is resumed waits all the same where a wider pause holds. */
  readonly still: readonly Pause[]
}

/** `pause` and `resume` of everything, a project, a site, or a site in a project: documents stay as they are, and later work waits too. */
export async function widePause(
  { action, given, options }: Control,
  scope: WideScope,
  { settings, state, who, dryRun, tell }: Pick<ControlParts, 'settings' | 'state' | 'who' | 'dryRun' | 'tell'>,
): Promise<WidePauseDone> {
  const controls = controlStore(state, settings.mongo.database)
  const since = await serverTime(state)
  const until = endOf(options, since)
  const { why } = options
  const pause: Pause = { ...scope, who, since, ...(until && { until }), ...(why !== undefined && { why }) }
  const standing = await controls.pauses()
  const changed = action === 'pause' ? [pause] : standing.filter((each) => isWithin(each, scope))
  const still = action === 'pause' ? [] : standing.filter((each) => !isWithin(each, scope) && overlaps(each, scope))
  if (!dryRun) {
    await (action === 'pause' ? controls.pause(pause) : controls.resume(changed))
    const more = { ...(until && { until }), ...(why !== undefined && { why }) }
    const entry = { who, action, selection: given, records: 0, representations: 0, ...more }
    await tell(entry, action === 'pause' ? pauseText(pause) : `${scopeText(scope)} is resumed by ${who}: ${changed.length} pauses ended`)
    await audit(state, entry)
  }
  return { changed, still }
}

/** The answer to whoever asked, as JSON. */
export function pauseJson(action: string, { changed, still }: WidePauseDone, dryRun: boolean) {
  return { action, records: 0, representations: 0, pauses: changed, still_paused: still, dry_run: dryRun }
}

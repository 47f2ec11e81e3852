import type { Db } from 'mongodb'

import { endOf, type PauseEnd } from '../model/pause-end.ts'
import { isWithin, overlaps, pauseText, scopeText, type Pause } from '../model/pauses.ts'
import type { WideScope } from '../model/selection.ts'
import type { Settings } from '../model/settings.ts'
import { audit } from '../streams/audit.ts'
import { controlStore } from '../streams/control-store.ts'
import { serverTime } from '../streams/scan.ts'
import type { ExitCode } from './command-line.ts'
import { print, printJson } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

/** How long a wide pause lasts, and why. */
export interface PauseOptions extends PauseEnd {
  readonly why?: string
}

interface WidePauseParts {
  readonly action: 'pause' | 'resume'
  readonly scope: WideScope
  /** The selection as it was given. */
  readonly given: Readonly<Record<string, unknown>>
  readonly options: PauseOptions & { readonly json: boolean; readonly dryRun: boolean }
  readonly settings: Settings
  readonly state: Db
}

/** `pause` and `resume` of everything, a project, a site, or a site in a project: documents stay as they are, and later work waits too. */
export async function widePause({ action, scope, given, options, settings, state }: WidePauseParts): Promise<ExitCode> {
  const controls = controlStore(state, settings.mongo.database)
  const who = whoAmI()
  const since = await serverTime(state)
  const until = endOf(options, since)
  const { why, dryRun } = options
  const pause: Pause = { ...scope, who, since, ...(until && { until }), ...(why !== undefined && { why }) }
  const standing = await controls.pauses()
  const changed = action === 'pause' ? [pause] : standing.filter((each) => isWithin(each, scope))
  /** What is resumed waits all the same where a wider pause holds. */
  const still = action === 'pause' ? [] : standing.filter((each) => !isWithin(each, scope) && overlaps(each, scope))
  if (!dryRun) {
    await (action === 'pause' ? controls.pause(pause) : controls.resume(changed))
    const entry = {
      who,
      action,
      selection: given,
      records: 0,
      representations: 0,
      ...(until && { until }),
      ...(why !== undefined && { why }),
    }
    await tellControl(
      entry,
      action === 'pause' ? pauseText(pause) : `${scopeText(scope)} is resumed by ${who}: ${changed.length} pauses ended`,
    )
    await audit(state, entry)
  }
  if (options.json) printJson({ action, records: 0, representations: 0, pauses: changed, still_paused: still, dry_run: dryRun })
  else show({ action, scope, changed, still, dryRun })
  return 0
}

interface Shown extends Pick<WidePauseParts, 'action' | 'scope'> {
  readonly changed: readonly Pause[]
  readonly still: readonly Pause[]
  readonly dryRun: boolean
}

function show({ action, scope, changed, still, dryRun }: Shown): void {
  const would = dryRun ? 'Would be done: ' : ''
  if (action === 'pause') for (const pause of changed) print(`${would}${pauseText(pause)}.`)
  else if (changed.length === 0) print(`Nothing to do: no pause of ${scopeText(scope)}. 0 changed.`)
  for (const pause of action === 'resume' ? changed : []) print(`${would}${scopeText(pause)} goes on.`)
  for (const pause of still) print(`Still: ${pauseText(pause)}.`)
}

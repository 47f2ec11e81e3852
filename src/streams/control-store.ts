import type { Collection, Db } from 'mongodb'

import { scopeKey, scopeOf, type Pause } from '../model/pauses.ts'
import type { WideScope } from '../model/selection.ts'

/** Pauses of more than records, in the state database: they survive restarts, and hold for all instances. */
export interface ControlStore {
  /** Those that hold now, by the server's clock. */
  pauses(): Promise<readonly Pause[]>
  /** Of one scope there is one: it takes the place of an earlier one. */
  pause(pause: Pause): Promise<void>
  /** Ends the pauses of exactly these scopes. */
  resume(scopes: readonly WideScope[]): Promise<void>
}

interface StoredPause {
  readonly _id: string
  readonly kind: 'pause'
  /** Of the projects: several may share a state database. */
  readonly database: string
  readonly project?: unknown
  readonly site?: unknown
  readonly who?: unknown
  readonly since?: unknown
  readonly until?: unknown
  readonly why?: unknown
}

export function controlStore(state: Db, database: string): ControlStore {
  const controls: Collection<StoredPause> = state.collection('controls')
  const idOf = (scope: WideScope): string => `pause ${JSON.stringify(database)} ${scopeKey(scope)}`
  return {
    async pauses() {
      const lasts = { $or: [{ until: null }, { $expr: { $gt: ['$until', '$$NOW'] } }] }
      const found = await controls.find({ kind: 'pause', database, ...lasts }).toArray()
      return found.flatMap((stored) => toPause(stored) ?? [])
    },
    async pause({ who, since, until, why, ...scope }) {
      const said = { ...scopeOf(scope), who, since, ...(until && { until }), ...(why !== undefined && { why }) }
      await controls.replaceOne({ _id: idOf(scope) }, { kind: 'pause', database, ...said }, { upsert: true })
    },
    async resume(scopes) {
      await controls.deleteMany({ _id: { $in: scopes.map(idOf) } })
    },
  }
}

/** One whose scope is no text is somebody's slip: it must not become a pause of everything. */
function toPause({ project, site, who, since, until, why }: StoredPause): Pause | undefined {
  if (!isScopePart(project) || !isScopePart(site)) return undefined
  return {
    ...(typeof project === 'string' && { project }),
    ...(typeof site === 'string' && { site }),
    who: typeof who === 'string' ? who : 'somebody',
    since: since instanceof Date ? since : new Date(0),
    ...(until instanceof Date && { until }),
    ...(typeof why === 'string' && { why }),
  }
}

function isScopePart(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'string'
}

import type { Collection, Db } from 'mongodb'

import { scopeKey, scopeOf, type Pause } from '../model/pauses.ts'
import type { WideScope } from '../model/selection.ts'

/** Pauses of more than records, in the state database: they survive restarts, and hold for all instances. */
export interface ControlStore {
  /** Those that hold now, by the server's clock. */
  pauses(): Promise<readonly Pause[]>
  /** The same, and whether somebody looks on at a terminal. */
  standing(): Promise<{ readonly pauses: readonly Pause[]; readonly isWatched: boolean }>
  /** Somebody looks on: instances tell what they have under way for so long. */
  watch(who: string, ms: number): Promise<void>
  /** Of one scope there is one: it takes the place of an earlier one. */
  pause(pause: Pause): Promise<void>
  /** Ends the pauses of exactly these scopes. */
  resume(scopes: readonly WideScope[]): Promise<void>
}

interface StoredControl {
  readonly _id: string
  readonly kind: 'pause' | 'watch'
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
  const controls: Collection<StoredControl> = state.collection('controls')
  const idOf = (scope: WideScope): string => `pause ${JSON.stringify(database)} ${scopeKey(scope)}`
  const holding = async (...kinds: readonly StoredControl['kind'][]): Promise<readonly StoredControl[]> => {
    const lasts = { $or: [{ until: null }, { $expr: { $gt: ['$until', '$$NOW'] } }] }
    return await controls.find({ kind: { $in: [...kinds] }, database, ...lasts }).toArray()
  }
  return {
    async pauses() {
      return (await holding('pause')).flatMap((stored) => toPause(stored) ?? [])
    },
    async standing() {
      const found = await holding('pause', 'watch')
      const isWatched = found.some(({ kind }) => kind === 'watch')
      return { pauses: found.flatMap((stored) => (stored.kind === 'pause' && toPause(stored)) || []), isWatched }
    },
    async watch(who, ms) {
      const _id = `watch ${JSON.stringify(database)} ${who}`
      const said = { _id: { $literal: _id }, kind: 'watch', database: { $literal: database }, until: { $add: ['$$NOW', ms] } }
      await controls.updateOne({ _id }, [{ $replaceWith: said }], { upsert: true })
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
function toPause({ project, site, who, since, until, why }: StoredControl): Pause | undefined {
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

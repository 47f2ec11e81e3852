import type { Collection, Db } from 'mongodb'

import type { Activity } from '../model/activity.ts'

/** What instances did lately, each in one document; outlives the instance, so that a restart leaves no gap. */
export interface ActivityStore {
  save(instance: string, activity: Activity): Promise<void>
  /** Of all instances but this one. */
  others(instance: string): Promise<readonly Activity[]>
}

interface Stored extends Activity {
  readonly _id: string
  readonly database: string
  /** By the server's clock; what is old goes by itself. */
  readonly at: Date
}

export const ACTIVITY = 'activity'

/** Of the instances on one database of projects. */
export function activityStore(state: Db, database: string): ActivityStore {
  const stored: Collection<Stored> = state.collection(ACTIVITY)
  return {
    async save(instance, { minute, sites, ended }) {
      const fields = { database: { $literal: database }, minute, sites: { $literal: sites }, ended: { $literal: ended }, at: '$$NOW' }
      await stored.updateOne({ _id: instance }, [{ $replaceWith: { _id: '$_id', ...fields } }], { upsert: true })
    },
    async others(instance) {
      return await stored.find({ database, _id: { $ne: instance } }, { projection: { minute: 1, sites: 1, ended: 1 } }).toArray()
    },
  }
}

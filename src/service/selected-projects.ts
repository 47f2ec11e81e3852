import type { Db } from 'mongodb'

import { projectSettings } from '../model/project-settings.ts'
import type { Selection } from '../model/selection.ts'
import type { Settings } from '../model/settings.ts'
import { collectionNames } from '../streams/scan.ts'

/** The project that a selection names, whether it is enabled or not; else all that are enabled. */
export async function selectedProjects(db: Db, settings: Settings, { project }: Selection): Promise<readonly string[]> {
  if (project !== undefined) return [project]
  return (await collectionNames(db)).filter((name) => projectSettings(settings, name).enabled)
}

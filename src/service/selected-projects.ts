import type { Db } from 'mongodb'

import { projectSettings } from '../model/project-settings.ts'
import type { Selection } from '../model/selection.ts'
import type { ProjectSettings, Settings } from '../model/settings.ts'
import { ProjectRoots } from '../streams/project-roots.ts'
import { collectionNames } from '../streams/scan.ts'

/** The project that a selection names, whether it is enabled or not; else all that are enabled. */
export async function selectedProjects(db: Db, settings: Settings, { project }: Selection): Promise<readonly string[]> {
  if (project !== undefined) return [project]
  return (await collectionNames(db)).filter((name) => projectSettings(settings, name).enabled)
}

/**
 * The same, each with its settings, for whoever looks at files: roots that the project's own document says are among them. By their names,
 * so that one may go on `from` a name.
 */
export async function* selectedWithRoots(
  db: Db,
  settings: Settings,
  selection: Selection,
  from = '',
): AsyncGenerator<{ readonly project: string; readonly own: ProjectSettings }> {
  const roots = new ProjectRoots({ db, settings })
  for (const project of (await selectedProjects(db, settings, selection)).toSorted()) {
    if (project < from) continue
    await roots.prepare(project)
    yield { project, own: roots.settingsOf(project) }
  }
}

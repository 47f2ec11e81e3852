import { projectSettings } from '../model/project-settings.ts'
import { TotalsReader, type Totals } from '../streams/totals.ts'
import type { Inspection } from './inspection.ts'
import { selectedProjects } from './selected-projects.ts'

export interface ProjectTotals extends Totals {
  readonly project: string
}

/** How many representations each project has; projects that could not be counted in time are left out. */
export class ProjectTotalsReader {
  readonly #reader = new TotalsReader()

  async read({ db, settings }: Pick<Inspection, 'db' | 'settings'>, signal: AbortSignal): Promise<readonly ProjectTotals[]> {
    const all: ProjectTotals[] = []
    for (const project of await selectedProjects(db, settings, {})) {
      const sites = [...projectSettings(settings, project).sites.keys()]
      const totals = await this.#reader.read(db.collection(project), sites, settings, signal).catch(() => undefined)
      if (totals) all.push({ project, ...totals })
    }
    return all
  }
}

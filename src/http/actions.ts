import { z } from 'zod'

import {
  CONTROL_NAMES,
  doneJson,
  editSelected,
  readControl,
  type Control,
  type ControlName,
  type ControlParts,
} from '../service/controls.ts'
import { noDeleteCounts } from '../service/delete-files/delete-files.ts'
import { deletedJson, deleteSelected } from '../service/delete-files/delete-selected.ts'
import type { DeletedFile, DeleteParts } from '../service/delete-files/parts.ts'
import { knownNames, noCounts } from '../service/edit-records.ts'
import { pauseJson, widePause } from '../service/wide-pause.ts'
import { bodySchema, tellIn, type Action, type ActionBody } from './action.ts'
import { LOOK_ACTIONS } from './look-actions.ts'
import { text } from './schemas.ts'

const SUMMARIES: Readonly<Record<ControlName, string>> = {
  retry: 'Try failed files again at once',
  reset:
    'Forget what is known of files at a site, so that they are synced afresh; also of those that are there: look at it with "dry_run" first',
  'add-site': 'Ask for files at a site, where nobody did yet',
  'remove-site': 'Do not ask for files at a site any more',
  pause: 'Leave files, or a site, a project or everything, alone until they are resumed',
  resume: 'Go on with what was paused',
  priority: 'Say which files go first',
}

/** Files that are told of in an answer; the rest is in the log. */
const MOST_TOLD = 1_000

const BODIES: Partial<Readonly<Record<ControlName, z.ZodType<ActionBody>>>> = {
  priority: bodySchema.extend({ priority: z.int().min(1).max(1_000).describe('Higher first; 50 is the default.') }),
  'remove-site': bodySchema.extend({
    delete_files: z
      .boolean()
      .default(false)
      .describe('true: deletes the files at the site as well, those that another site has and that no other representation has there.'),
  }),
  pause: bodySchema.extend({
    for: text(100).optional().describe('Of a site, a project or everything: for so long, such as "2h".'),
    until: text(100).optional().describe('Until then.'),
    why: text().optional(),
  }),
}

function control(name: ControlName): Action {
  return {
    summary: SUMMARIES[name],
    body: BODIES[name] ?? bodySchema,
    async prepare(body, { db, settings }) {
      const { selection: given, dry_run: dryRun, priority } = body
      const { for: lasting, until, why } = body as { readonly for?: string; readonly until?: string; readonly why?: string }
      const options = {
        ...(lasting !== undefined && { for: lasting }),
        ...(until !== undefined && { until }),
        ...(why !== undefined && { why }),
      }
      const read = readControl({ action: name, given, priority, options }, await knownNames(db, settings))
      return async ({ patient, inspection, who, log, signal, tell }) => {
        const state = inspection.stateDb
        const parts = {
          db: patient,
          state,
          settings,
          dryRun,
          who,
          tell: tellIn(log),
          signal,
          progress: ({ looked, records }: { readonly looked: number; readonly records: number }) => tell({ looked, records }),
        }
        if (body['delete_files'] === true) return await deleted(read, { ...parts, ...inspection, db: patient, state, log })
        if (read.scope) return pauseJson(name, await widePause(read, read.scope, parts), dryRun)
        return doneJson(name, await editSelected(read, parts, noCounts()), dryRun)
      }
    },
  }
}

type DeletionParts = Omit<DeleteParts, 'selection' | 'site' | 'progress'> & Pick<ControlParts, 'tell'>

/** What `remove-site --delete-files` does, with what became of the first files. */
async function deleted(read: Control, parts: DeletionParts): Promise<object> {
  const counts = noDeleteCounts()
  const files: DeletedFile[] = []
  const { site = '' } = read.selection
  for await (const file of deleteSelected(read, { ...parts, selection: read.selection, site }, parts.tell, counts)) {
    if (files.length < MOST_TOLD) files.push(file)
  }
  const told = { files, more_files: counts.deleted + counts.kept - files.length }
  return { ...told, ...deletedJson(counts, { interrupted: parts.signal.aborted, dryRun: parts.dryRun }) }
}

/** By name, each a route below `/api/v1/actions`. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  ...Object.fromEntries(CONTROL_NAMES.map((name) => [name, control(name)])),
  ...LOOK_ACTIONS,
}

import { z } from 'zod'

import type { Log } from '../model/log.ts'
import type { Inspection } from '../service/inspection.ts'
import { text } from './schemas.ts'

/** Options by their names without dashes; which of them exist, the command knows. */
const selectionSchema = z
  .strictObject({
    representation: text(4_096).optional().describe('An id, a path, or asset/subset/version/name.'),
    project: text().optional(),
    asset: text().optional(),
    subset: text().optional(),
    version: z.union([text(100), z.number()]).optional(),
    name: text().optional(),
    site: text().optional(),
    state: text(100).optional().describe('pending, failed, exhausted, paused or synced; several with commas.'),
    error: text().optional().describe('A part of the text of an error.'),
    all: z.boolean().optional(),
  })
  .describe('What it is about: all that is said must hold, and saying nothing selects nothing.')

export const bodySchema = z.strictObject({
  selection: selectionSchema,
  dry_run: z.boolean().default(false).describe('true: says what would be done, and does nothing.'),
  yes: z.boolean().optional().describe('Accepted as by every command; nothing is asked here.'),
  background: z.boolean().default(false).describe('true: answers at once, with a job to look at.'),
})

/** Who asks for an action, and with what it is done. */
export interface ActionContext {
  readonly inspection: Inspection
  /** The projects, for what takes longer. */
  readonly patient: Inspection['db']
  /** With providers of its own, which are to be closed: they outlast a change of the configuration. */
  readonly lasting: () => Promise<Inspection>
  readonly who: string
  readonly log: Log
  readonly signal: AbortSignal
  /** Says how far it is. */
  readonly tell: (progress: object) => void
}

export type ActionBody = z.output<typeof bodySchema> & Readonly<Record<string, unknown>>

/** Something that may be done over HTTP. What can't be meant throws before anything is done. */
export interface Action {
  readonly summary: string
  readonly body: z.ZodType<ActionBody>
  readonly prepare: (body: ActionBody, inspection: Inspection) => Promise<(context: ActionContext) => Promise<object>>
}

/** Says in the log what somebody changed. */
export const tellIn = (log: Log) => (entry: object, message: string) =>
  log.event('controls.changed', { message, extra: { ...entry, via: 'http' } })

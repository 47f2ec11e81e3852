import { z } from 'zod'

import { UsageError } from '../errors.ts'
import { assertSelects, parseSelection } from '../model/selection.ts'
import { audited, type AuditParts } from '../service/audited.ts'
import { knownNames } from '../service/edit-records.ts'
import { adoptFiles, noAdoptCounts } from '../service/verify/adopt-files.ts'
import { adoptJson, auditedAdopt, auditedVerify } from '../service/verify/verify-result.ts'
import { MENDS, noVerifyCounts, verifySites, wrongOf, type Mend } from '../service/verify/verify-sites.ts'
import type { WalkParts } from '../service/verify/walk.ts'
import { bodySchema, tellIn, type Action, type ActionBody, type ActionContext } from './action.ts'

/** What is told of single files: an answer is not as long as a production. */
const MOST_TOLD = 1_000

interface LookBody extends ActionBody {
  readonly mend?: Mend
}

interface Look {
  readonly body: LookBody
  readonly parts: WalkParts
  readonly auditing: AuditParts
  readonly tell: ActionContext['tell']
}

/** Looks at the selected files where they lie. */
function look(
  summary: string,
  body: z.ZodType<LookBody>,
  { needsSite, work }: { readonly needsSite?: string; readonly work: (look: Look) => Promise<object> },
): Action {
  return {
    summary,
    body,
    async prepare(said: LookBody, { db, settings }) {
      const selection = parseSelection(said.selection, await knownNames(db, settings))
      assertSelects(selection)
      if (needsSite !== undefined && selection.site === undefined) throw new UsageError(`${needsSite} needs a "site" in its selection`)
      return async ({ patient, lasting, who, log, signal, tell }) => {
        const own = await lasting()
        await using providers = own.providers
        const { settings: now, misconfigured, stateDb: state } = own
        const parts = { db: patient, settings: now, selection, misconfigured, providers, signal }
        return await work({ body: said, parts, auditing: { state, who, tell: tellIn(log), signal }, tell })
      }
    },
  }
}

/** The first of them, and how many there are more. */
async function firstOf<T>(found: AsyncIterable<T>): Promise<{ readonly told: readonly T[]; readonly more: number }> {
  const told: T[] = []
  let more = 0
  for await (const one of found) {
    if (told.length < MOST_TOLD) told.push(one)
    else more++
  }
  return { told, more }
}

const MEND = 'report: only says what is wrong; reset: the record says no more that it is there; resend: the same, where it can be sent.'

/** By name, as the other actions. */
export const LOOK_ACTIONS: Readonly<Record<'verify' | 'adopt', Action>> = {
  verify: look(
    'Is at the sites what records say is there, with the content of its source?',
    bodySchema.extend({ mend: z.enum(MENDS).default('report').describe(MEND) }),
    {
      async work({ body, parts, auditing, tell }) {
        const { selection: given, dry_run: isDryRun, mend = 'report' } = body
        const counts = noVerifyCounts()
        const progress = (): void => tell({ records: counts.records, wrong: wrongOf(counts) })
        const work = verifySites({ ...parts, mend, isDryRun, progress }, counts)
        const found = audited(work, () => (isDryRun ? undefined : auditedVerify({ ...given, mend }, counts)), auditing)
        const { told: findings, more } = await firstOf(found)
        return { action: 'verify', mend, ...counts, findings, more, interrupted: parts.signal.aborted, dry_run: isDryRun }
      },
    },
  ),
  adopt: look('Mark files that are at a site already, with the same content, without sending them', bodySchema, {
    needsSite: 'adopt',
    async work({ body: { selection: given, dry_run: dryRun }, parts, auditing, tell }) {
      const counts = noAdoptCounts()
      const progress = (): void => tell({ looked: counts.looked, adopted: counts.adopted })
      const site = String(parts.selection.site)
      const work = adoptFiles({ ...parts, selection: { ...parts.selection, site }, isDryRun: dryRun, progress }, counts)
      const { told: left, more } = await firstOf(audited(work, () => (dryRun ? undefined : auditedAdopt(given, counts)), auditing))
      return { ...adoptJson(counts, { interrupted: parts.signal.aborted, dryRun }), left, more }
    },
  }),
}

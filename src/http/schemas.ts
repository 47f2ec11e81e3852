import { z } from 'zod'

/** What the API answers and takes; each is said here once, for the check, the types and `openapi.json`. */

const date = z.iso.datetime().describe('UTC')
const NUL = /^[^\0]*$/
/** A text that the database takes. */
export const text = (most = 1_000) => z.string().min(1).max(most).regex(NUL, { error: 'a text without NUL' })

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What is wrong, in words.'),
})

const siteReport = z.object({
  instance: z.string(),
  site: z.string(),
  provider: z.string(),
  state: z.enum(['ok', 'cooling', 'trying', 'misconfigured']),
  error: z.string().optional(),
  since: date.optional(),
  until: date.optional(),
  running: z.int(),
  queued: z.int(),
  served: z.boolean().optional(),
})

export const siteSchema = z.object({
  site: z.string(),
  provider: z.string().optional(),
  misconfigured: z.string().optional().describe('Why it can not be used at all.'),
  skipped: z.string().optional().describe('Why it is not for this machine; other instances may have it all the same.'),
  instances: z.array(siteReport).describe('How it is doing, as each instance says.'),
})

const instanceSchema = z
  .looseObject({
    _id: z.string(),
    host: z.string(),
    pid: z.int(),
    started: date,
    heard: date,
    heardAgoMs: z.number(),
    stream: z.enum(['opening', 'open', 'lost', 'unavailable']),
    streamFault: z.string().optional(),
    page: z.string().optional().describe('The address of its page, as it listens on its host.'),
  })
  .describe('A running instance of the service, as it says itself.')

const pauseSchema = z.object({
  project: z.string().optional(),
  site: z.string().optional(),
  who: z.string(),
  since: date,
  until: date.optional(),
  why: z.string().optional(),
})

export const countsSchema = z.object({
  oldest: date.optional().describe('When the oldest representation was made that has a pending file.'),
  project: z.string(),
  site: z.string(),
  pending: z.int().describe('Files that are to be sent, failed ones included.'),
  failed: z.int(),
  exhausted: z.int(),
  paused: z.int(),
})

export const totalsSchema = z
  .object({
    project: z.string(),
    representations: z.int(),
    whole: z.int().describe('Of these, where all that is asked for is there.'),
    estimated: z.boolean().describe('By a sample: the collection is too large to be counted.'),
  })
  .describe('How many representations a project has.')

export const statusSchema = z.object({
  instances: z.array(instanceSchema),
  pauses: z.array(pauseSchema),
  /** Sites that their bandwidth closes at this time. */
  closed: z.array(pauseSchema),
  sites: z.array(siteSchema),
  projects: z.array(countsSchema),
})

const siteSummary = z.object({
  site: z.string(),
  state: z
    .enum(['pending', 'failed', 'exhausted', 'paused', 'synced', 'bad-tries', 'partial'])
    .describe('"synced" only when every file is.'),
  files: z.int(),
  synced: z.int(),
  pending: z.int(),
  failed: z.int(),
  exhausted: z.int(),
  paused: z.int(),
  tries: z.int(),
  error: z.string().optional().describe('Of one of the files that are worst off.'),
  errors: z
    .array(z.object({ cause: z.string(), error: z.string(), failed: z.int(), exhausted: z.int() }))
    .optional()
    .describe('Files that failed by cause, which is the error without names, paths and numbers; five causes at most.'),
  progress: z.number().min(0).max(1),
})

export const representationSchema = z.object({
  id: z.string(),
  project: z.string(),
  asset: z.string().optional(),
  subset: z.string().optional(),
  version: z.union([z.string(), z.number()]).optional(),
  name: z.string().optional(),
  file_count: z.int(),
  size: z.number().optional().describe('Bytes.'),
  sites: z.array(siteSummary),
})

const fileAtSite = z.object({
  file: z.string().describe('The id of its entry.'),
  path: z.string(),
  size: z.number().optional().describe('Bytes, as the document says.'),
  site: z.string(),
  state: z.string(),
  reason: z.string().optional().describe('Why it is, or is not, there.'),
  command: z.string().optional().describe('What mends it.'),
  fix: z.string().optional().describe('The same in the MongoDB shell.'),
  created_dt: date.optional(),
  tries: z.int().optional(),
  error: z.string().optional(),
  last_failed_dt: date.optional(),
  paused: z.boolean().optional(),
  priority: z.number().optional(),
  id: z.string().optional().describe("The provider's."),
})

export const representationDetailSchema = representationSchema.extend({
  remarks: z.array(z.string()).describe('What holds for the whole document.'),
  files: z.array(fileAtSite).describe('One a file and site.'),
})

export const auditSchema = z.looseObject({
  id: z.string(),
  at: date,
  who: z.string(),
  action: z.string(),
  selection: z.record(z.string(), z.unknown()),
  records: z.int(),
  representations: z.int(),
})

export const throughputSchema = z.object({
  id: z.string(),
  site: z.string(),
  bytes: z.array(z.number()).describe('That arrived in each step of "step_seconds", the oldest first; the last step is not over.'),
})

export const endedSchema = z
  .object({
    id: z.string(),
    at: date,
    project: z.string(),
    representation: z.string(),
    path: z.string(),
    site: z.string(),
    source: z.string().optional().describe('The site that it came from.'),
    outcome: z.enum(['synced', 'failed']),
    bytes: z.number().describe('That were sent; 0 where the same content was there already.'),
    size: z.number(),
    ms: z.int(),
    error: z.string().optional(),
  })
  .describe('A transfer that has ended.')

export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable().describe('Where the next page begins; null at the end.') })

const LIMIT = 'a whole number from 1 to 200'
export const limitSchema = z
  .string()
  .regex(/^\d{1,3}$/, { error: LIMIT })
  .transform(Number)
  .pipe(z.number().min(1, { error: LIMIT }).max(200, { error: LIMIT }))
  .default(50)
  .describe('Items of a page at most.')

export const cursorSchema = z.string().min(1).max(12_000).optional().describe('"next_cursor" of the page before.')

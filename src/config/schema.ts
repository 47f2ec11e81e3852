import { z } from 'zod'

import { bandwidth } from './bandwidth.ts'
import { httpSchema, webhooksSchema } from './http-schema.ts'
import { name, numeric, textList } from './schema-parts.ts'
import { verifyScheduleSchema } from './verify-schedule.ts'

const flag = () => z.boolean({ error: 'true or false' })
const retries = () => numeric({ min: 0, max: 1000, integer: true })

const FILE_MODE = 'an octal mode as text that lets the owner read and write, such as "0664"'
const FOLDER_MODE = 'an octal mode as text that lets the owner do everything, such as "0775" or "2775"'

const PATH = 'a path, or a path for each of windows, linux and darwin'
const perOs = z.partialRecord(z.enum(['windows', 'linux', 'darwin']), z.string().nullable()).meta({
  title: 'Path for each operating system',
  examples: [{ windows: 'P:/projects', linux: '/mnt/projects', darwin: '/Volumes/projects' }],
})
const pathOrPerOs = z.union([z.string().nullable(), perOs], { error: PATH })

export const siteSchema = z
  .object(
    {
      provider: name('the name of a provider, such as "gdrive" or "local_drive"')
        .optional()
        .describe('Kind of storage. May be left out for the own site, which is a "local_drive".')
        .meta({ examples: ['gdrive', 'local_drive'] }),
      enabled: flag().optional().describe('false: the site is skipped.'),
      credentials_url: pathOrPerOs
        .optional()
        .describe("Path or file:// URL of the credentials file; relative to this file's folder; {ENV} is replaced.")
        .meta({ examples: ['/my_secret_folder/credentials.json', '{SECRETS}/drive.json'] }),
      root: z
        .union([z.string().nullable(), perOs, z.record(z.string(), pathOrPerOs)])
        .describe(
          'Where the files are: one root, or one for each name of a multi-root project. {ENV} is replaced. Empty: the site is skipped.',
        )
        .meta({ examples: ['/My Drive', { root_one: '/My Drive/work_folder', root_two: '/My Drive/publish_folder' }] }),
      concurrency: numeric({ min: 1, max: 1000, integer: true })
        .optional()
        .describe("Transfers at once; the provider's own limit when left out."),
      concurrency_scope: z
        .enum(['instance', 'cluster'], { error: '"instance" or "cluster"' })
        .optional()
        .describe('Whether the limit is for each instance, or for all that share the work.'),
      bandwidth: bandwidth
        .optional()
        .describe(
          'Bytes per second that may go there and come from there, or a list of times of the day with a limit each; with concurrency_scope "cluster" shared by all instances.',
        )
        .meta({ examples: [10_000_000, [{ from: '08:00', to: '19:00', days: ['mon-fri'], limit: 2_000_000 }]] }),
      alternative_sites: textList('a list of site names')
        .optional()
        .describe('Sites that are the same storage under another name: what arrives at one is marked at the others, too.'),
      size_check: z
        .enum(['settle', 'strict', 'off'], { error: '"settle", "strict" or "off"' })
        .optional()
        .describe(
          'What becomes of a file from here that has another size than its document says: sent once it has not changed for 10 s, a failed attempt, or sent as it is.',
        ),
      require_mount: z
        .union([z.boolean(), z.enum(['auto', 'true', 'false'])], { error: '"auto", true or false' })
        .optional()
        .describe('Of a site on disk: must its roots be mounted? auto: they must be what they were before.'),
      marker_file: z
        .string({ error: 'the name of a file that stands in each root' })
        .regex(/^(?!\.{1,2}$)[^/\\\0]*$/, { error: 'the name of a file that stands in each root, without a path' })
        .optional()
        .describe('Of a site on disk: a file that must stand in each root; nothing is read or written without it.')
        .meta({ examples: ['.site-sync-root'] }),
      file_mode: z
        .string({ error: FILE_MODE })
        .regex(/^0?[67][0-7]{2}$/, { error: FILE_MODE })
        .optional()
        .describe('Of a site on disk: permissions of files that are written; else those of the source, limited by the umask.')
        .meta({ examples: ['0664'] }),
      folder_mode: z
        .string({ error: FOLDER_MODE })
        .regex(/^[0-3]?7[0-7]{2}$/, { error: FOLDER_MODE })
        .optional()
        .describe('Of a site on disk: permissions of folders that are created; else what the umask gives.')
        .meta({ examples: ['2775'] }),
      api_endpoint: z
        .string({ error: 'an http:// or https:// address of scheme, host and port only' })
        .optional()
        .describe("Private endpoint, proxy or emulator: scheme, host and port; the API's own paths are appended.")
        .meta({ examples: ['http://127.0.0.1:8080'] }),
    },
    { error: 'an object: the definition of a site' },
  )
  .meta({ title: 'Site' })

export const mongoSchema = z.object(
  {
    uri: z
      .string({ error: 'a mongodb:// or mongodb+srv:// address' })
      .optional()
      .describe(
        'Else SITE_SYNC_MONGO_URI, the file that SITE_SYNC_MONGO_URI_FILE names, AVALON_MONGO or OPENPYPE_MONGO of the environment. {ENV} is replaced.',
      )
      .meta({ examples: ['mongodb://127.0.0.1:27017'] }),
    database: name('the name of a database')
      .optional()
      .describe('Holds the projects, a collection each; else AVALON_DB of the environment, or "avalon".'),
    state_database: name('the name of a database').default('site_sync').describe("The service's own."),
  },
  { error: 'an object with uri, database and state_database' },
)

export const overrideSchema = z.object(
  {
    enabled: flag().optional(),
    publish_site: name('the name of a site').optional(),
    remote_site: z.string({ error: 'the name of a site, or "" for no syncing' }).optional(),
    retry_cnt: retries().optional(),
    always_accessible_on: textList('a list of site names').optional(),
    sources: textList('a list of site names').optional(),
    sites: z
      .record(z.string(), siteSchema.partial(), { error: 'an object: a site for each name' })
      .optional()
      .describe('Merged over the general sites, key by key.'),
  },
  { error: 'an object: what is different for this project' },
)

export const projectsSchema = z.object(
  {
    include: textList('a list of project names or globs').prefault(['*']).describe('Project names or globs.'),
    exclude: textList('a list of project names or globs').prefault([]).describe('Wins over include.'),
    overrides: z.record(z.string(), overrideSchema, { error: 'an object: an override for each project' }).optional(),
  },
  { error: 'an object with include, exclude and overrides' },
)

export const generalSchema = z.object({
  enabled: flag().default(true).describe('false: no syncing at all.'),
  local_id: name('the name of this machine').default('local_0').describe('Identifier of this machine or user.'),
  publish_site: name('the name of a site').default('studio').describe('The site this instance works on; may be the same as local_id.'),
  remote_site: z
    .string({ error: 'the name of a site, or "" for no syncing' })
    .default('')
    .describe('The site to sync to; empty: no syncing.'),
  serve: textList('a list of site names or globs')
    .optional()
    .describe('The sites that this instance sends files to, its own among them; names or globs. Left out: all.')
    .meta({ examples: [['gdrive']] }),
  sources: textList('a list of site names')
    .optional()
    .describe('Where files that are not at the publish site come from first; the other sites follow as configured.')
    .meta({ examples: [['nas', 'gdrive']] }),
  always_accessible_on: textList('a list of site names')
    .optional()
    .describe('Sites that every new representation of the publish site is asked for at.')
    .meta({ examples: [['nas']] }),
  retry_cnt: retries().prefault(3).describe('Attempts in all for each file and site; 0: none.'),
  loop_delay: numeric({ min: 0, above: true, max: 604_800 }).prefault(60).describe('Seconds between two scans.'),
  lease_seconds: numeric({ min: 2, max: 3600 }).prefault(30).describe("A dead instance's work is taken over after this time."),
  shutdown_grace: numeric({ min: 0, max: 3600 }).prefault(30).describe('Seconds that running transfers have to end at shutdown.'),
  indexes: z
    .enum(['auto', 'off'], { error: '"auto" or "off"' })
    .default('auto')
    .describe('Whether the service creates the index that its scan needs.'),
  publish_roots: textList('a list of folders')
    .optional()
    .describe('Where the roots may lie that documents name, for a publish site without a root here; each of them and all below it.')
    .meta({ examples: [['/mnt/projects']] }),
  roots_from_project: flag()
    .default(false)
    .describe(
      "Where the publish site has no root here: that of the project's own document (config.roots) serves, as with OpenPype's settings.",
    ),
  write_progress: flag().default(false).describe('Write the legacy "progress" into the records while files are sent.'),
  verify_schedule: verifyScheduleSchema
    .optional()
    .describe(
      'The service looks regularly whether files are still at the sites as their records say, and reports what is not. Left out: never.',
    )
    .meta({ examples: [{ every: '7d', rate: 10, sites: ['*'] }] }),
  mongo: mongoSchema.prefault({}).describe('Where the database is.'),
  http: httpSchema.optional().describe('The HTTP API of the service.'),
  webhooks: webhooksSchema.optional().describe('Addresses that are told when files are synced or fail, and when sites are in trouble.'),
  projects: projectsSchema.prefault({}).describe('Which projects are synced, and what some do differently.'),
})

/** Of the legacy settings: the general keys, with one of them named differently. */
export const legacyConfigSchema = generalSchema
  .omit({ publish_site: true, mongo: true, http: true, webhooks: true, projects: true, enabled: true })
  .extend({ active_site: generalSchema.shape.publish_site })

/** A file of sites in the folder layout. */
export const sitesFileSchema = z.record(z.string(), siteSchema)

/** As OpenPype stores it: nobody edits it here, and what counts of it is checked when it is read. */
const storedPart = (part: string, path: string) =>
  z.record(z.string(), z.unknown()).optional().describe(`OpenPype's ${part} settings: the stored document, its "data", or only ${path}.`)

/** Both parts of OpenPype's settings, in the place of `config`. */
export const openpypeSchema = z.object({
  system: storedPart('system', 'modules.sync_server'),
  project: storedPart('project', 'global.sync_server'),
})

/** A whole file, for editors. */
export const fileSchema = generalSchema.extend({
  $schema: z.string().optional(),
  sites: z.record(z.string(), siteSchema).optional().describe('The sites by name.'),
  config: legacyConfigSchema.optional().describe('The general keys of the legacy settings.'),
  ...openpypeSchema.shape,
})

import { z } from 'zod'

import { fileSchema, sitesFileSchema } from './schema.ts'

/** What editors check a configuration file by: the main file, and below `$defs.sites` a file of sites in the folder layout. */
export function configJsonSchema(): object {
  const main = z.toJSONSchema(fileSchema, { io: 'input' })
  const { $schema: _, ...sites } = z.toJSONSchema(sitesFileSchema, { io: 'input' })
  return { title: 'Configuration of Site Sync', ...main, $defs: { ...main.$defs, sites: { title: 'A file of sites', ...sites } } }
}

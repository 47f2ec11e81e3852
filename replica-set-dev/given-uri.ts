import type { Environment } from './user-dirs.ts'

/** The replica set that the user runs already: named on the command line, or by `SITE_SYNC_MONGO_URI`. Nothing is started then. */
export function givenUri(option: string | undefined, env: Environment = process.env): string | undefined {
  const uri = option ?? env['SITE_SYNC_MONGO_URI']
  return uri === undefined || uri === '' ? undefined : uri
}

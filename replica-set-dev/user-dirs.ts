import { homedir } from 'node:os'
import path from 'node:path'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where things that can be fetched again are kept for this user. */
export function cacheDir(env: Environment = process.env, platform: NodeJS.Platform = process.platform, home = homedir()): string {
  if (platform === 'win32') return path.join(env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local'), 'site-sync', 'Cache')
  if (env['XDG_CACHE_HOME']) return path.join(env['XDG_CACHE_HOME'], 'site-sync')
  return platform === 'darwin' ? path.join(home, 'Library', 'Caches', 'site-sync') : path.join(home, '.cache', 'site-sync')
}

/** Where the data of a replica set is kept between runs, unless the user names another place. */
export function defaultReplicaSetDir(
  env: Environment = process.env,
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): string {
  if (platform === 'win32') return path.join(env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local'), 'site-sync', 'replica-set')
  if (env['XDG_STATE_HOME']) return path.join(env['XDG_STATE_HOME'], 'site-sync', 'replica-set')
  const base = platform === 'darwin' ? path.join(home, 'Library', 'Application Support') : path.join(home, '.local', 'state')
  return path.join(base, 'site-sync', 'replica-set')
}

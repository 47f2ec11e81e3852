import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { loadSettings } from '../../src/config/load-settings.ts'
import type { Settings } from '../../src/model/settings.ts'

/** One computer with an instance of its own. */
export interface Machine {
  readonly name: string
  /** The site that it sends files to. */
  readonly serves: string
  readonly config: string
  readonly settings: Settings
}

/** Where Anna publishes, and where her publishes are to get, in this order. */
export const ORIGIN = 'anna'
export const CHAIN = ['cloud', 'studio', 'ben'] as const

/** Each reaches two sites, so that nobody could bring a file all the way alone. */
const MACHINES = [
  { name: 'anna', publishSite: ORIGIN, serves: 'cloud', other: 'cloud' },
  { name: 'server', publishSite: 'studio', serves: 'studio', other: 'cloud' },
  { name: 'ben', publishSite: 'ben', serves: 'ben', other: 'studio' },
] as const

export function folderOf(dir: string, site: string): string {
  return path.join(dir, site)
}

/** Writes a configuration for each machine below `dir`, and makes the folders of the sites. */
export async function writeMachines(dir: string, uri: string | undefined): Promise<readonly Machine[]> {
  for (const site of [ORIGIN, ...CHAIN]) await mkdir(folderOf(dir, site), { recursive: true })
  return await Promise.all(
    MACHINES.map(async ({ name, publishSite, serves, other }) => {
      const sites = [publishSite, other].map((site) => [site, { provider: 'local_drive', root: { work: folderOf(dir, site) } }])
      const config = {
        local_id: publishSite,
        publish_site: publishSite,
        remote_site: other,
        serve: [serves],
        retry_cnt: 2,
        loop_delay: 2,
        ...(uri !== undefined && { mongo: { uri } }),
        projects: { include: ['site_sync_demo*'] },
        sites: Object.fromEntries(sites) as unknown,
      }
      const file = path.join(dir, `${name}.json`)
      await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
      const { settings } = await loadSettings(file, process.env)
      return { name, serves, config: file, settings }
    }),
  )
}

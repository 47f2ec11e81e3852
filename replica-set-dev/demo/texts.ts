import path from 'node:path'

import { shellWord } from '../../src/model/shell-word.ts'
import { printable } from '../../src/logging/printable.ts'
import { displayPath } from '../../src/model/root-path.ts'
import type { Site } from '../../src/model/site.ts'
import type { Stage } from './stage.ts'

export interface Facts {
  readonly stage: Stage
  readonly project: string
  readonly database: string
  /** `avalon.site_sync_demo` */
  readonly collection: string
  readonly dir: string
  readonly keep: boolean
}

/** Said before anything is done: with a configuration of theirs, the sites are real, whatever the database is. */
export function noticeLines({ config, targets, place, uri }: Stage): string[] {
  if (config === undefined) return []
  const width = Math.max(...targets.map(({ name }) => name.length))
  const where = ({ name, provider, root, apiEndpoint, credentialsFile }: Site): string => {
    const roots = typeof root === 'string' ? root : [...root.values()].join(', ')
    const endpoint = apiEndpoint === undefined ? '' : ` at ${apiEndpoint}`
    const credentials = credentialsFile === undefined ? '' : `, with the credentials in ${credentialsFile}`
    return `  ${name.padEnd(width)}  ${provider}${endpoint}: ${roots}${credentials}`
  }
  return [
    `NOTE: these are the real sites of ${path.resolve(config)}. The demo writes into them, in folders that begin with site_sync_demo, and what it sends stays there:`,
    ...targets.map(where),
    `It publishes from ${place.folder}, and ${uri === undefined ? 'starts a database of its own, with a password' : 'uses your database'}.`,
    '',
  ].map(printable)
}

export function openingLines({ stage, database, collection, project }: Facts): string[] {
  const { place, targets, settings } = stage
  return [
    'Site Sync demo',
    `  database   ${database}`,
    `  project    ${collection}`,
    `  publishes  ${place.publishSite}: ${path.join(place.folder, project)}`,
    `  syncs to   ${targets.map(({ name, provider }) => `${name} (${provider})`).join(', ')}`,
    `  for it     retry_cnt ${settings.retryCount}, loop_delay ${settings.loopDelaySeconds} s`,
  ].map(printable)
}

/** Where the files are now. */
export function landingLines({ stage, project }: Facts): string[] {
  const { place, targets } = stage
  const width = Math.max(...targets.map(({ name }) => name.length))
  return [
    'Where the files landed',
    ...targets.map((site) => `  ${site.name.padEnd(width)}  ${landed(site, place.rootName, project)}`),
    `  (published from ${path.join(place.folder, project)})`,
  ].map(printable)
}

function landed({ provider, root }: Site, rootName: string | undefined, project: string): string {
  const own = typeof root === 'string' ? root : root.get(rootName ?? '')
  if (own === undefined) return 'nowhere: it does not have the root that the files are below'
  const shown = displayPath({ root: own, path: project })
  return provider === 'local_drive' ? shown : `${shown} (${provider})`
}

/** What comes next for whoever likes what they saw. */
export function realDatabaseLines(): string[] {
  return [
    'With a real database',
    '  copy examples/config.json, fill in your sites, and name your replica set: mongo.uri there, or SITE_SYNC_MONGO_URI',
    '  npm start -- --config my-config.json                   this demo there, in a project of its own',
    '  npm run -s site-sync -- run --config my-config.json    the service',
  ]
}

/** How to look at the project from another terminal. `uri` is that of a database which the configuration does not name. */
export function watchingLines(configFile: string, uri: string | undefined): string[] {
  const env = uri === undefined ? '' : `SITE_SYNC_MONGO_URI=${shellWord(uri)} `
  return [
    'Watching; Ctrl-C ends it and removes what the demo made. Meanwhile, in another terminal:',
    `  ${env}npm run -s site-sync -- status --config ${shellWord(path.resolve(configFile))}`,
    'Why is the missing file not synced?',
    `  ${env}npm run -s site-sync -- explain sh020/workfileLayout/1/blend --config ${shellWord(path.resolve(configFile))}`,
    'To act on the page, it takes a token:',
    `  ${env}npm run -s site-sync -- token create demo --scope operate --config ${shellWord(path.resolve(configFile))}`,
  ]
}

/** What is said when all is put away. */
export function farewellLine({ stage, collection, project, dir, keep }: Facts, isTheirs: boolean): string {
  const { place, config, targets } = stage
  const source = path.join(place.folder, project)
  const database = isTheirs ? `collection ${collection}` : 'the database'
  if (keep) return printable(`Kept: ${config === undefined ? dir : source}${isTheirs ? ` and ${database}` : '; the database is gone'}`)
  const stays = config === undefined ? '--keep leaves the files' : `what was synced stays on ${targets.map(({ name }) => name).join(', ')}`
  return printable(`Removed: ${database} and ${config === undefined ? dir : source} (${stays})`)
}

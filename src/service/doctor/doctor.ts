import type { LoadedSettings } from '../../config/load-settings.ts'
import { pageLink, pageText } from '../page-link.ts'
import { isOff } from '../site-check.ts'
import { close } from '../within.ts'
import { connect } from '../../streams/connect.ts'
import { stateDatabase, type HeardReport } from '../../streams/state-database.ts'
import { fail, pass, warn, type Check } from './check.ts'
import { databaseChecks } from './database-checks.ts'
import { siteChecks } from './site-checks.ts'

/** Looks at everything that the service needs; writes nothing but a small file at each site, which it removes. */
export async function examineAll(loaded: LoadedSettings): Promise<readonly Check[]> {
  const { settings } = loaded
  const connections = connect(settings.mongo.uri)
  const state = stateDatabase(connections.work.db(settings.mongo.stateDatabase))
  try {
    const [database, page, sites] = await Promise.all([
      databaseChecks(connections, settings),
      pageCheck(async () => await state.reports(settings.mongo.database)),
      siteChecks({ settings, loadRoot: async (root) => await state.loadRoot(root).catch(() => undefined) }),
    ])
    return [...configurationChecks(loaded), ...database, ...page, ...sites]
  } finally {
    await close(connections)
  }
}

/** Where the page is, when an instance that has one runs; nothing is said otherwise. */
async function pageCheck(reports: () => Promise<readonly HeardReport[]>): Promise<readonly Check[]> {
  const page = pageLink(await reports().catch(() => []))
  return page ? [pass('page', pageText(page))] : []
}

/** A configuration that does not load: nothing else can be looked at. */
export function unloadable(message: string): readonly Check[] {
  return [fail('configuration', message, 'correct these keys (docs/configuration.md), and run doctor again'), node()]
}

function configurationChecks({ settings, warnings, loose, files }: LoadedSettings): readonly Check[] {
  const off = isOff(settings) ? ['remote_site is empty: nothing is synced'] : []
  const odd = [...warnings, ...off]
  const loads =
    odd.length === 0
      ? pass('configuration', files.join(', '))
      : warn('configuration', odd.join('; '), 'correct these keys (docs/configuration.md)')
  const open = loose.map((line) => {
    const at = line.lastIndexOf(': chmod ')
    return warn('permissions', line.slice(0, at), line.slice(at + 2))
  })
  return [loads, ...(open.length === 0 ? [pass('permissions', 'nobody else reads secrets or changes the configuration')] : open), node()]
}

function node(): Check {
  return pass('node', `${process.versions.node} (24 or newer is needed)`)
}

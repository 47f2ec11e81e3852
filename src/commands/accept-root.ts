import { ConfigError } from '../errors.ts'
import { loadSettings } from '../config/load-settings.ts'
import { audit } from '../streams/audit.ts'
import { connect } from '../streams/connect.ts'
import { ProjectRoots } from '../streams/project-roots.ts'
import { stateDatabase } from '../streams/state-database.ts'
import type { ConfigOption, ExitCode } from './command-line.ts'
import { print, printJson } from './output.ts'
import { tellControl, whoAmI } from './tell-control.ts'

/**
 * `accept-root`: what stands at the roots of a site now is what they are from now on; the next file that is written there, or read from
 * there, is remembered with it.
 */
export async function acceptRootCommand(
  name: string,
  options: ConfigOption & { readonly json: boolean; readonly dryRun: boolean },
): Promise<ExitCode> {
  const { settings } = await loadSettings(options.config, process.env)
  const sites = [settings.sites, ...[...settings.projects.overrides.values()].map(({ sites: own }) => own)]
  await using connections = connect(settings.mongo.uri)
  const projects = new ProjectRoots({ db: connections.work.db(settings.mongo.database), settings })
  const found = [...sites.map((some) => some?.get(name)?.root), ...(await projects.rootsOf(name))]
  const roots = [...new Set(found.flatMap((root) => (root === undefined ? [] : typeof root === 'string' ? [root] : [...root.values()])))]
  if (roots.length === 0) {
    const known = [...settings.sites.keys()].join(', ')
    throw new ConfigError(options.config, [
      { key: 'site', value: name, expected: `the name of a site that is filled in for this machine (${known})` },
    ])
  }
  const stateDb = connections.work.db(settings.mongo.stateDatabase)
  const state = stateDatabase(stateDb)
  const forgotten = options.dryRun ? await state.countRoots(roots) : await state.forgetRoots(roots)
  if (!options.dryRun) {
    const entry = { who: whoAmI(), action: 'accept-root', selection: { site: name }, records: 0, representations: 0 }
    await tellControl(entry, `accept-root: what stands at ${roots.join(', ')} is taken for site ${name}, by ${entry.who}`)
    await audit(stateDb, entry)
  }
  if (options.json) printJson({ site: name, roots, forgotten, dry_run: options.dryRun })
  else {
    const what =
      forgotten === 0
        ? 'nothing was remembered of its roots'
        : `what was remembered of ${roots.join(', ')} ${options.dryRun ? 'would be' : 'is'} forgotten`
    print(`${name}: ${what}; what stands there is taken for the site from now on.`)
  }
  return 0
}

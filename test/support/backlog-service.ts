// The service over sites that keep nothing, as a process of its own: `node backlog-service.ts URI DATABASE STATE_DATABASE`.
// Prints a line of JSON for each transfer that succeeded (`{site, project, priority…}`) and its memory four times a second.
import type { Log } from '../../src/model/log.ts'
import type { Settings } from '../../src/model/settings.ts'
import { SyncService } from '../../src/service/service.ts'
import { BacklogSite, type Pace } from './backlog-sites.ts'

const [uri = '', database = '', stateDatabase = ''] = process.argv.slice(2)
const PACES: Readonly<Record<string, Pace>> = { studio: 'source', fast: 'fast', slow: 'slow', stuck: 'stuck' }

const settings: Settings = {
  localId: 'local_0',
  publishSite: 'studio',
  remoteSite: 'fast',
  retryCount: 3,
  loopDelaySeconds: 5,
  leaseSeconds: 30,
  shutdownGraceSeconds: 1,
  indexes: 'auto',
  writeProgress: false,
  mongo: { uri, database, stateDatabase },
  sites: new Map(Object.keys(PACES).map((name) => [name, { name, provider: 'memory', root: '/', concurrency: 8, alternativeSites: [] }])),
  projects: { include: ['*'], exclude: [], overrides: new Map() },
}

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const log: Log = {
  event(action, { site, project, path, message, error } = {}) {
    if (action === 'transfer.succeeded') say({ action, site, project, path })
    else if (action.startsWith('service.') || action === 'transfer.failed')
      say({ action, message, error: error instanceof Error ? error.message : undefined })
  },
}

const service = new SyncService({
  settings,
  log,
  mode: 'run',
  openProvider: async (site) => new BacklogSite(site, PACES[site.name] ?? 'fast'),
})
const memory = setInterval(() => say({ rss: process.memoryUsage().rss }), 250)
process.on('SIGTERM', () => service.stop())
await service.run()
clearInterval(memory)

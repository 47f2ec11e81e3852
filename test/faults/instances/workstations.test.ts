import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { expect, test } from 'vitest'

import { noise } from '../../contract/provider-suite/harness.ts'
import type { InstancePlan } from '../../support/crash-point.ts'
import { DriveProcess } from '../../support/drive-process.ts'
import type { LogAction } from '../../../src/model/log.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import type { LogLines } from '../../support/log-recorder.ts'
import { filesBelow } from '../../support/pending-files.ts'
import { entry, representation, T0, type Representation, type SiteRecordJson } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'

const MEBIBYTE = 1024 * 1024
const PATHS = [1001, 1002, 1003, 1004].map((frame) => `sh010/plate.${frame}.exr`)
/** Too large for one message, so that it can die in the middle of each. */
const SIZE = 8 * MEBIBYTE

/** Which sites each machine reaches, and the one that it sends files to. */
const MACHINES = {
  anna: { publish: 'anna', serve: 'gdrive', reads: ['anna', 'gdrive'] },
  server: { publish: 'studio', serve: 'studio', reads: ['studio', 'gdrive'] },
  ben: { publish: 'ben', serve: 'ben', reads: ['ben', 'studio'] },
} as const
type Machine = keyof typeof MACHINES

const TARGETS = ['gdrive', 'studio', 'ben'] as const

class Studio {
  readonly stage: Stage
  readonly drive: DriveProcess
  readonly #logs: LogLines[] = []

  constructor(stage: Stage, drive: DriveProcess) {
    this.stage = stage
    this.drive = drive
  }

  disk(site: string, path = ''): string {
    return join(this.stage.dir, 'disks', site, path)
  }

  async start(machine: Machine, plan: InstancePlan = {}): Promise<InstanceProcess> {
    const { publish, serve, reads } = MACHINES[machine]
    const { uri, database, stateDatabase } = this.stage.settings.mongo
    const sites = Object.fromEntries(
      reads.map((site) => [site, site === 'gdrive' ? this.drive.site() : { provider: 'local_drive', root: { work: this.disk(site) } }]),
    )
    const general = { local_id: publish, publish_site: publish, remote_site: reads[1], serve: [serve], lease_seconds: 4, loop_delay: 3_600 }
    const file = join(this.stage.dir, `${machine}.json`)
    await writeFile(file, JSON.stringify({ ...general, mongo: { uri, database, state_database: stateDatabase }, sites }))
    const instance = await InstanceProcess.start(file, { plan: { ...plan, wrapsOwn: true } })
    this.#logs.push(instance.lines)
    return instance
  }

  /**
   * How often a file was sent to each site in the end, by the log lines of all that ever ran. A file that is marked, was started once, and
   * of which no end was told: its instance was killed between the mark and the log line.
   */
  successes(): Record<string, string[]> {
    const pathsOf = (action: LogAction, target: string): string[] =>
      this.#logs.flatMap((log) => log.of(action).flatMap(({ site_sync: fields }) => (fields?.site === target ? [String(fields.path)] : [])))
    const of = (target: string): string[] => {
      const told = pathsOf('transfer.succeeded', target)
      const started = pathsOf('transfer.started', target)
      const untold = started.filter((path) => !told.includes(path) && started.indexOf(path) === started.lastIndexOf(path))
      return [...told, ...untold].toSorted()
    }
    return Object.fromEntries(TARGETS.map((target) => [target, of(target)]))
  }

  failures(): number {
    return this.#logs.reduce((sum, lines) => sum + lines.count('transfer.failed') + lines.count('source.missing'), 0)
  }
}

const SHAPES: readonly [string, unknown][] = [
  ['array', [{ name: 'anna', created_dt: T0 }, ...TARGETS.map((name) => ({ name }))]],
  ['object', { anna: { created_dt: T0 }, ...Object.fromEntries(TARGETS.map((name): [string, SiteRecordJson] => [name, {}])) }],
]

/** Dies in the middle of this file, or of any. */
function dies(path: string | undefined): InstancePlan {
  return { crash: { at: 'mid-upload', bytes: 6 * MEBIBYTE, action: 'kill', ...(path !== undefined && { path }) } }
}

test.each(SHAPES)(
  'a publish on one workstation gets to Drive, from there to the server, from there to another workstation; each dies once (%s shape)',
  async (_shape, sites) => {
    const studio = new Studio(await Stage.open(), await DriveProcess.start())
    const contents = new Map(PATHS.map((path, index) => [path, noise(SIZE + index)]))
    for (const [path, content] of contents) {
      await mkdir(dirname(studio.disk('anna', path)), { recursive: true })
      await writeFile(studio.disk('anna', path), content)
    }
    for (const site of ['studio', 'ben']) await mkdir(studio.disk(site), { recursive: true })
    const machines = ['anna', 'server', 'ben'] as const
    const first = await Promise.all(machines.map(async (machine, index) => await studio.start(machine, dies(PATHS[index]))))
    const document: Representation = representation(PATHS.map((path) => entry(`{root[work]}/${path}`, sites)))
    await studio.stage.insert(document)
    const second: InstanceProcess[] = []
    // Each goes on with what the one before has brought, so they die in this order.
    for (const [index, machine] of machines.entries()) {
      expect(await first[index]?.ended(60_000)).toBe('SIGKILL')
      second.push(await studio.start(machine))
    }
    for (const site of TARGETS) {
      for (const file of PATHS.keys()) {
        const record = await studio.stage.synced(document, { site, file, withinMs: 60_000 })
        expect(
          Object.keys(record)
            .filter((key) => key !== 'name')
            .toSorted(),
        ).toEqual(['created_dt', 'id'])
      }
    }
    for (const instance of second) await instance.stop()

    for (const site of ['studio', 'ben']) {
      expect([site, await filesBelow(studio.disk(site))]).toEqual([site, PATHS])
      for (const [path, content] of contents) {
        expect([site, path, (await readFile(studio.disk(site, path))).equals(content)]).toEqual([site, path, true])
      }
    }
    const { files } = await studio.drive.state()
    expect(files.map(({ path, revisions }) => `${path} ${revisions}`).toSorted()).toEqual(PATHS.map((path) => `My Drive/w/${path} 1`))
    const all = PATHS.map((path) => `{root[work]}/${path}`)
    expect(studio.successes()).toEqual({ gdrive: all, studio: all, ben: all })
    expect(studio.failures()).toBe(0)
  },
  180_000,
)

import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { beforeAll, describe, expect, test } from 'vitest'

import { entry, inArray, inObject, recordOf, representation, T0, type Representation, type SiteRecordJson } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

const PROJECT = 'MY_PROJECT'
const FAILED: SiteRecordJson = { tries: 3, error: 'The quota is used up', last_failed_dt: T0 }

interface Scene {
  readonly stage: Stage
  readonly config: string
  readonly document: Representation
}

interface HowTo {
  /** The file is at `gdrive`. */
  readonly isThere?: true
  /** A command that was given before. */
  readonly since?: string
  /** The record of `gdrive` before; none without. */
  readonly before?: SiteRecordJson
  readonly after?: SiteRecordJson | 'none'
  /** What it says. */
  readonly says?: RegExp
  /** How many pauses of more than records hold in the end. */
  readonly pauses?: number
}

/** What each command of the how-tos is for. Those of one cell run one after the other. */
const CASES: Readonly<Record<string, HowTo>> = {
  'site-sync status': { before: FAILED, says: /gdrive/ },
  'site-sync doctor': { says: /mongodb/ },
  'site-sync explain hero/model/3/ma': { before: FAILED, says: /The quota is used up[^]*site-sync retry/ },
  'site-sync reset hero/model/3/ma --site gdrive --yes': { before: { created_dt: T0, id: 'x' }, after: {} },
  'site-sync retry --site gdrive --state exhausted': { before: FAILED, after: { last_failed_dt: T0 } },
  'site-sync retry --error "quota"': { before: FAILED, after: { last_failed_dt: T0 } },
  'site-sync retry hero/model/3/ma --site gdrive': { before: FAILED, after: { last_failed_dt: T0 } },
  'site-sync add-site --site gdrive --project MY_PROJECT': { after: {} },
  'site-sync add-site --site gdrive hero/model/3/ma': { after: {} },
  'site-sync remove-site --site gdrive --asset hero --version 3': { before: {}, after: 'none' },
  'site-sync remove-site --site gdrive --asset hero --version 3 --delete-files --yes': {
    isThere: true,
    before: { created_dt: T0, id: 'a.ma' },
    after: 'none',
    says: /at gdrive: deleted[^]*1 files deleted, 1 records/,
  },
  'site-sync pause --asset hero': { before: {}, after: { paused: true } },
  'site-sync resume --asset hero': { before: { paused: true }, after: {} },
  'site-sync resume hero/model/3/ma --site gdrive': { before: { paused: true }, after: {} },
  'site-sync pause --site gdrive --for 2h --why "the line is needed"': { before: {}, after: {}, pauses: 1 },
  'site-sync resume --site gdrive': { since: 'site-sync pause --site gdrive', before: {}, after: {}, pauses: 0 },
  'site-sync diff studio gdrive': { before: {}, says: /a\.ma/ },
  'site-sync verify --site gdrive --project MY_PROJECT': {
    isThere: true,
    before: { created_dt: T0, id: 'a.ma' },
    says: /1 files.* 0 missing/,
  },
  'site-sync adopt --site gdrive --project MY_PROJECT': {
    isThere: true,
    after: { created_dt: expect.any(Date) as Date, id: 'a.ma' },
    says: /1 of 1 files adopted/,
  },
  'site-sync receipt gdrive --project MY_PROJECT': { isThere: true, before: { created_dt: T0, id: 'a.ma' }, says: /1 file/ },
  'site-sync token create farm --scope read': { says: /farm/ },
  'site-sync token list': { since: 'site-sync token create farm --scope read', says: /farm/ },
  'site-sync token revoke farm': { since: 'site-sync token create farm --scope read' },
  'site-sync priority 99 hero/model/3/ma': { before: {}, after: { priority: 99 } },
}

let commands: readonly string[] = []
beforeAll(async () => {
  const text = await readFile(new URL('../../docs/commands.md', import.meta.url), 'utf8')
  const parts = [text.slice(0, text.indexOf('\n## ')), text.slice(text.indexOf('## Why is a file not there?'))]
  const [, why = ''] = parts
  const sections = [parts[0] ?? '', why.slice(0, why.indexOf('\n## ', 1))]
  commands = [
    ...new Set(sections.flatMap((section) => [...section.matchAll(/`(site-sync [^`]+)`/g)].map(([, command]) => String(command)))),
  ]
})

async function sceneOf({ before, isThere }: HowTo, shape: string): Promise<Scene> {
  const stage = await Stage.open()
  const gdrive = { provider: 'local_drive', root: { work: join(stage.dir, 'gdrive') } }
  const config = await writeConfig(stage, { general: { remote_site: 'gdrive' }, sites: { gdrive } })
  await mkdir(join(stage.dir, 'gdrive'))
  await mkdir(join(stage.dir, 'mirror'))
  await stage.file('a.ma')
  if (isThere) await copyFile(stage.studioPath('a.ma'), join(stage.dir, 'gdrive', 'a.ma'))
  const sites =
    shape === 'array' ? inArray(...(before ? [{ name: 'gdrive', ...before }] : [])) : inObject(before ? { gdrive: { ...before } } : {})
  const context = { project: { name: PROJECT }, asset: 'hero', subset: 'model', version: 3, representation: 'ma' }
  const document = representation([entry('{root[work]}/a.ma', sites)], { context })
  await stage.project(PROJECT).insertOne(document)
  return { stage, config, document }
}

async function recordNow({ stage, document }: Scene): Promise<SiteRecordJson | 'none'> {
  const now = await stage.project(PROJECT).findOne({ _id: document._id })
  const { name: _name, ...record } = recordOf(now?.files[0], 'gdrive') ?? { none: true }
  return record['none'] === true ? 'none' : record
}

/** As a shell takes them; the commands of the page need no more than double quotes. */
function wordsOf(command: string): string[] {
  return (command.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))
}

async function run(command: string, { config }: Scene): Promise<string> {
  const [, ...args] = wordsOf(command)
  const process = new ServiceProcess([...args, '--config', config])
  const code = await process.end(40_000)
  // Of one that worked, standard error says what was done.
  expect([command, code, code === 0 ? '' : process.stderr]).toEqual([command, 0, ''])
  return process.stdout
}

test('each how-to and each step of the search has a case here, and the other way round', () => {
  expect(commands.toSorted()).toEqual(Object.keys(CASES).toSorted())
})

describe.each(['array', 'object'])('%s shape', (shape) => {
  test.each(Object.entries(CASES))('%s', async (command, howTo) => {
    const scene = await sceneOf(howTo, shape)
    if (howTo.since !== undefined) await run(howTo.since, scene)
    expect(await run(command, scene)).toMatch(howTo.says ?? '')
    expect(await recordNow(scene)).toEqual(howTo.after ?? howTo.before ?? 'none')
    expect(await scene.stage.state.collection('controls').countDocuments({})).toBe(howTo.pauses ?? 0)
  })
})

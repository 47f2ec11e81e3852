import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { expect, onTestFinished, test, vi } from 'vitest'

import { backlog, commonRootName, publishesWhileRunning } from '../../../replica-set-dev/demo/demo-project.ts'
import { noticeLines } from '../../../replica-set-dev/demo/texts.ts'
import { setStage, withDatabase } from '../../../replica-set-dev/demo/stage.ts'
import { projectSettings } from '../../../src/model/project-settings.ts'
import { examine } from '../../../src/model/verdict.ts'
import { folderOf } from '../config/support.ts'

async function temporaryFolder(): Promise<string> {
  const dir = await realpath(await mkdtemp(path.join(tmpdir(), 'demo-stage-')))
  onTestFinished(async () => rm(dir, { recursive: true, force: true }))
  return dir
}

function withoutEnvironment(): void {
  for (const name of ['SITE_SYNC_MONGO_URI', 'SITE_SYNC_MONGO_URI_FILE', 'AVALON_MONGO', 'OPENPYPE_MONGO', 'AVALON_DB'])
    vi.stubEnv(name, '')
  onTestFinished(() => void vi.unstubAllEnvs())
}

const nas = { provider: 'local_drive', root: '/mnt/nas' }

async function stageOf(config: object) {
  withoutEnvironment()
  const folder = await folderOf({ 'config.json': config })
  return { folder, stage: setStage(path.join(folder, 'config.json'), await temporaryFolder()) }
}

test('the own sites: a publish site and two targets, a mongod of its own', async () => {
  withoutEnvironment()
  const dir = await temporaryFolder()
  const stage = await setStage(undefined, dir)
  expect(stage.uri).toBeUndefined()
  expect(stage.place).toEqual({ publishSite: 'studio', targets: ['nas', 'backup'], rootName: 'work', folder: path.join(dir, 'studio') })
  // Only what names this tool counts: a studio's own database is not for demos.
  vi.stubEnv('AVALON_MONGO', 'mongodb://production')
  expect((await setStage(undefined, dir)).uri).toBeUndefined()
  vi.stubEnv('SITE_SYNC_MONGO_URI', 'mongodb://mine')
  expect((await setStage(undefined, dir)).uri).toBe('mongodb://mine')
})

test('a configuration: its database where it names one, its pace and projects replaced', async () => {
  const { stage, folder } = await stageOf({
    remote_site: 'nas',
    loop_delay: 600,
    mongo: { uri: 'mongodb://theirs' },
    projects: { include: ['a'], overrides: { site_sync_demo: { enabled: false } } },
    sites: { studio: { root: '.' }, nas },
  })
  const found = await stage
  expect(found).toMatchObject({ uri: 'mongodb://theirs', place: { rootName: undefined, folder, targets: ['nas'] } })
  const settings = withDatabase(found, 'mongodb://other', 'site_sync_demo')
  expect(settings).toMatchObject({ mongo: { uri: 'mongodb://other' }, loopDelaySeconds: 2, retryCount: 2 })
  expect([projectSettings(settings, 'site_sync_demo').enabled, projectSettings(settings, 'a').enabled]).toEqual([true, false])
  expect((await (await stageOf({ remote_site: 'nas', sites: { studio: { root: '.' }, nas } })).stage).uri).toBeUndefined()
})

test.each<[string, object, RegExp]>([
  ['syncing is off', { sites: { studio: { root: '.' }, nas } }, /"remote_site" of the configuration is empty/],
  ['to itself', { remote_site: 'studio', sites: { studio: { root: '.' }, nas } }, /are both "studio"/],
  ['no folder', { remote_site: 'nas', sites: { studio: { root: 'nowhere' }, nas } }, /nowhere \(sites\.studio\.root\)/],
  [
    'a publish site elsewhere',
    { remote_site: 'nas', sites: { studio: { provider: 'gdrive', root: '/My Drive' }, nas } },
    /has to be "local_drive"/,
  ],
])('refused: %s', async (_, config, message) => {
  const { stage } = await stageOf(config)
  await expect(stage).rejects.toThrow(message)
})

test('a publish site that the configuration does not declare: the root in the documents serves', async () => {
  const { stage } = await stageOf({ remote_site: 'nas', sites: { nas: { ...nas, root: { art: '/mnt/a', work: '/mnt/w' } } } })
  const found = await stage
  expect(found.place).toMatchObject({ publishSite: 'studio', rootName: 'art' })
  const place = { ...found.place, project: 'film' }
  const settings = projectSettings(withDatabase(found, 'mongodb://x', 'film'), 'film')
  const documents = [
    ...backlog(place).documents.filter((document) => 'files' in document),
    ...publishesWhileRunning(place).map((publish) => publish.representation),
  ]
  const verdicts = documents.flatMap((document) => examine(document, 'film', settings, new Map()).verdicts)
  expect(new Set(verdicts.map(({ state }) => state))).toEqual(new Set(['pending']))
  for (const { transfer } of verdicts) expect(transfer?.route).toMatchObject({ source: { root: place.folder }, target: { root: '/mnt/a' } })
})

test('real sites are named before anything is done, with their credentials; the own ones need no notice', async () => {
  withoutEnvironment()
  expect(noticeLines(await setStage(undefined, await temporaryFolder()))).toEqual([])
  const drive = { provider: 'gdrive', root: '/My Drive/work', credentials_url: '/keys/account.json', api_endpoint: 'http://127.0.0.1:9' }
  const { folder, stage } = await stageOf({ remote_site: 'drive', sites: { studio: { root: '.' }, drive, nas } })
  const lines = noticeLines(await stage)
  expect(lines[0]).toContain(`the real sites of ${path.join(folder, 'config.json')}. The demo writes into them`)
  expect(lines).toContain('  drive  gdrive at http://127.0.0.1:9: /My Drive/work, with the credentials in /keys/account.json')
  expect(lines).toContain('  nas    local_drive: /mnt/nas')
  expect(lines).toContain(`It publishes from ${folder}, and starts a database of its own, with a password.`)
})

test('what is published: both shapes, 24 frames, a texture in two representations, one file missing', () => {
  const place = { project: 'film', publishSite: 'studio', targets: ['nas', 'backup'], rootName: undefined, folder: '/mnt' }
  const { documents, files, missing } = backlog(place)
  const representations = documents.filter((document) => 'files' in document) as unknown as {
    files: { path: string; sites: unknown }[]
  }[]
  expect(representations.map((representation) => representation.files.length)).toEqual([1, 1, 24, 1, 2, 1])
  const all = representations.flatMap((representation) => representation.files)
  expect(all.filter(({ path: name }) => name.includes('wood_diffuse'))).toHaveLength(2)
  expect(new Set(all.map(({ sites }) => Array.isArray(sites)))).toEqual(new Set([true, false]))
  expect(all.every(({ path: name }) => name.startsWith('{root}/film/'))).toBe(true)
  const written = files.map((file) => file.path.replace('{root[work]}', '{root}'))
  expect(all.map(({ path: name }) => name).filter((name) => !written.includes(name))).toEqual(missing)
  expect(missing).toHaveLength(1)
})

const roots = (...names: string[]) => new Map(names.map((name) => [name, `/mnt/${name}`]))

test('the root is the one that most targets know', () => {
  expect(commonRootName('/mnt', [roots('work')])).toBeUndefined()
  expect(commonRootName(roots('a', 'b', 'c'), [roots('b'), roots('c', 'b'), '/mnt'])).toBe('b')
  expect(commonRootName(roots('a', 'b'), ['/mnt'])).toBe('a')
})

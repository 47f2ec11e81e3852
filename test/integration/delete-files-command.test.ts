import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { openDriveStage } from '../support/drive-stage.ts'
import { entry, inArray, recordOf, representation, T0, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const THERE = { name: 'mirror', created_dt: T0, id: 'x' }

interface Answer {
  readonly files: readonly { readonly path: string; readonly outcome: string; readonly reason?: string }[]
  readonly [count: string]: unknown
}

async function run(config: string, ...args: readonly string[]) {
  const process = new ServiceProcess(['remove-site', '--delete-files', ...args, '--config', config])
  const code = await process.end(60_000)
  return { code, stdout: process.stdout, stderr: process.stderr }
}

async function openMirror(names: readonly string[]): Promise<{ stage: Stage; config: string; document: Representation; mirror: string }> {
  const stage = await Stage.open()
  const mirror = join(stage.dir, 'mirror')
  await mkdir(mirror)
  for (const name of names) {
    await stage.file(name)
    await writeFile(join(mirror, name), name)
  }
  const document = representation(names.map((name) => entry(`{root[work]}/${name}`, inArray(THERE))))
  await stage.insert(document)
  return { stage, config: await writeConfig(stage), document, mirror }
}

test('it asks, tells, is audited, and exits with 1 where a last copy is kept', { timeout: 120_000 }, async () => {
  const { stage, config, mirror } = await openMirror(['a'])
  await writeFile(join(mirror, 'alone'), 'alone')
  await stage.insert(representation([entry('{root[work]}/alone', inArray(THERE))], { name: 'alone' }))

  const asked = await run(config, '--site', 'mirror', '--all')
  expect([asked.code, asked.stdout, asked.stderr]).toEqual([2, '', expect.stringContaining('Say --yes if that is meant.')])
  expect((await readdir(mirror)).toSorted()).toEqual(['a', 'alone'])

  const would = await run(config, '--site', 'mirror', '--all', '--dry-run', '--json')
  expect([would.code, would.stderr]).toEqual([1, ''])
  expect(JSON.parse(would.stdout)).toMatchObject({ deleted: 1, kept: 1, records: 1, dry_run: true })
  expect((await readdir(mirror)).toSorted()).toEqual(['a', 'alone'])
  expect(await stage.state.collection('audit').countDocuments()).toBe(0)

  const done = await run(config, '--site', 'mirror', '--all', '--yes', '--json')
  const answer = JSON.parse(done.stdout) as Answer
  expect([done.code, done.stdout.trimEnd().split('\n').length]).toEqual([1, 1])
  expect(answer).toMatchObject({
    action: 'remove-site',
    deleted: 1,
    kept: 1,
    shared: 0,
    missing: 0,
    records: 1,
    interrupted: false,
    dry_run: false,
  })
  expect(answer.files.map(({ path, reason, outcome }) => `${path} ${reason ?? outcome}`).toSorted()).toEqual([
    '{root[work]}/a deleted',
    '{root[work]}/alone last-copy',
  ])
  const actions = done.stderr
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: { action: string } }).event.action)
  expect(actions.toSorted()).toEqual(['controls.changed', 'file.deleted', 'file.kept'])
  expect(await readdir(mirror)).toEqual(['alone'])
  expect(await stage.state.collection('audit').find().toArray()).toMatchObject([
    { action: 'remove-site', selection: { site: 'mirror', all: true, delete_files: true }, records: 1, deleted: 1, kept: 1 },
  ])

  const wrong = await run(config, '--all', '--yes')
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('needs "--site NAME"')])
})

test('SIGINT ends it after what is under way: exit 1, and the next run does the rest', { timeout: 120_000 }, async () => {
  const names = Array.from({ length: 1_200 }, (_, n) => `x.${1001 + n}`)
  const { stage, config, document, mirror } = await openMirror(names)
  const process = new ServiceProcess(['remove-site', '--delete-files', '--site', 'mirror', '--all', '--yes', '--json', '--config', config])
  await waitFor('the first file to be gone', async () => (await readdir(mirror)).length < names.length)
  process.signal('SIGINT')
  expect(await process.end(60_000)).toBe(1)
  expect(JSON.parse(process.stdout)).toMatchObject({ interrupted: true, kept: 0 })
  const left = new Set(await readdir(mirror))
  expect(left.size).toBeGreaterThan(0)
  const now = await stage.read(document)
  for (const [n, name] of names.entries()) {
    expect([name, recordOf(now?.files[n], 'mirror') !== undefined]).toEqual([name, left.has(name)])
  }
  expect((await run(config, '--site', 'mirror', '--all', '--yes')).code).toBe(0)
  expect(await readdir(mirror)).toEqual([])
})

test.each(['local', 'Drive'])('%s: killed in the middle, no record lies, and the next run ends it', { timeout: 180_000 }, async (kind) => {
  const names = Array.from({ length: 600 }, (_, n) => `x.${1001 + n}`)
  const { stage, drive, w } = await openDriveStage()
  const { credentialsFile, apiEndpoint } = stage.settings.sites.get('gdrive') ?? {}
  const onDrive = { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: credentialsFile, api_endpoint: apiEndpoint }
  const mirror = join(stage.dir, 'mirror')
  await mkdir(mirror)
  for (const name of names) {
    await stage.file(name)
    if (kind === 'local') await writeFile(join(mirror, name), name)
    else drive.addFile(name, name, { parent: w })
  }
  const there = async (): Promise<ReadonlySet<string>> =>
    new Set(kind === 'local' ? await readdir(mirror) : drive.files().map(({ path }) => path.slice('My Drive/w/'.length)))
  const document = representation(names.map((name) => entry(`{root[work]}/${name}`, inArray(THERE))))
  await stage.insert(document)
  const config = await writeConfig(stage, kind === 'Drive' ? { sites: { mirror: onDrive } } : {})

  const killed = new ServiceProcess(['remove-site', '--delete-files', '--site', 'mirror', '--all', '--yes', '--config', config])
  await waitFor('the first file to be gone', async () => (await there()).size < names.length, {
    withinMs: 60_000,
    seen: () => killed.stderr,
  })
  killed.signal('SIGKILL')
  await killed.ended
  const left = await there()
  expect(left.size).toBeGreaterThan(0)
  const now = await stage.read(document)
  const lies = names.filter((name, n) => recordOf(now?.files[n], 'mirror') !== undefined && !left.has(name))
  expect(lies).toEqual([])

  // As time does it with the leases of a process that is dead; the other case waits for it.
  if (kind === 'Drive') await stage.state.collection('leases').deleteMany({})
  const { code, stderr } = await run(config, '--site', 'mirror', '--state', 'synced', '--yes', '--json')
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  expect([...(await there())]).toEqual([])
  const ended = await stage.read(document)
  expect(ended?.files.filter((file) => recordOf(file, 'mirror') !== undefined)).toEqual([])
  expect(await stage.state.collection('removals').countDocuments()).toBe(0)
})

import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { stateDatabase } from '../../src/streams/state-database.ts'
import { ANOTHER_DISK } from '../support/another-disk.ts'
import { entry, inArray, inObject, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

async function run(config: string, ...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const command = new ServiceProcess(['diff', ...args, '--config', config])
  const code = await command.end()
  return { code, stdout: command.stdout, stderr: command.stderr }
}

const there = { name: 'mirror', created_dt: T0, id: 'x' }

/** Both sites have `both` and `short`; only the records say that `gone` is at the mirror, and `waiting` is not there by any account. */
async function staged(): Promise<{ stage: Stage; config: string }> {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  for (const path of ['both', 'short', 'gone', 'waiting']) await stage.file(path)
  await mkdir(join(stage.dir, 'mirror'))
  await writeFile(join(stage.dir, 'mirror/both'), 'both')
  await writeFile(join(stage.dir, 'mirror/short'), 'sho')
  await stage.insert(
    representation([entry('{root[work]}/both', inArray(there)), entry('{root[work]}/waiting', inArray('mirror'))]),
    representation([entry('{root[work]}/short', inArray(there)), entry('{root[work]}/gone', inObject({ mirror: { created_dt: T0 } }))], {
      context: { project: { name: 'prj' }, asset: 'tree' },
    }),
    representation([entry('{root[work]}/elsewhere', [{ name: 'other', created_dt: T0 }])]),
  )
  return { stage, config }
}

test('by the records: what one has and the other lacks, of a selection or of everything', async () => {
  const { config } = await staged()
  const all = await run(config, 'studio', 'mirror', '--json')
  expect([all.code, all.stderr]).toEqual([0, ''])
  expect(JSON.parse(all.stdout)).toEqual({
    differences: [
      { project: 'prj', representation: expect.any(String) as string, path: '{root[work]}/waiting', has: 'studio', lacks: 'mirror' },
    ],
    sites: ['studio', 'mirror'],
    deep: false,
    records: 4,
    representations: 2,
    different: 1,
    unknown: 0,
  })
  const tree = await run(config, 'mirror', 'studio', '--asset', 'tree')
  expect([tree.code, tree.stdout]).toEqual([0, '0 of 2 files in 1 representations differ.\n'])
})

test('by the sites themselves: missing files and other sizes; a site that does not answer says nothing of any file, and that is 1', async () => {
  const { stage, config } = await staged()
  const { code, stdout, stderr } = await run(config, 'studio', 'mirror', '--deep')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.split('\n').toSorted()).toEqual([
    '',
    '3 of 4 files in 2 representations differ.',
    'prj: {root[work]}/gone: studio has it, mirror lacks it',
    'prj: {root[work]}/short: 5 bytes at studio, 3 at mirror',
    'prj: {root[work]}/waiting: studio has it, mirror lacks it',
  ])

  await rename(join(stage.dir, 'mirror'), join(stage.dir, 'unmounted'))
  const down = await run(config, 'studio', 'mirror', '--deep', '--json')
  expect(down.code).toBe(1)
  expect(down.stderr).toContain('mirror did not answer')
  expect(JSON.parse(down.stdout)).toMatchObject({ differences: [], records: 4, different: 0, unknown: 4 })
})

test('a root that is another disk than it was, as where a share is not mounted, says nothing of any file', async () => {
  const { stage, config } = await staged()
  await stateDatabase(stage.state).saveRoot(join(stage.dir, 'mirror'), ANOTHER_DISK)
  const { code, stdout, stderr } = await run(config, 'studio', 'mirror', '--deep', '--json')
  expect([code, stderr]).toEqual([1, expect.stringContaining('server:/share')])
  expect(JSON.parse(stdout)).toMatchObject({ differences: [], different: 0, unknown: 4 })
})

test('wrong usage: a site that is not there, or the same twice', async () => {
  const { config } = await staged()
  const unknown = await run(config, 'studio', 'miror')
  expect([unknown.code, unknown.stdout]).toEqual([2, ''])
  expect(unknown.stderr).toContain('did you mean "mirror"?')
  const same = await run(config, 'mirror', 'mirror')
  expect([same.code, same.stderr]).toEqual([2, expect.stringContaining('compared with itself')])
})

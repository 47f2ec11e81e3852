import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, inObject, representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'

const TRICK = '\u001b[2J\u001b]0;owned\u0007two\nlines\r\u202eexe.png\u009b31m'
/** Whatever steers a terminal, but for the ends of lines. */
// oxlint-disable-next-line no-control-regex
const STEERING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u

async function outputOf(args: readonly string[]): Promise<string> {
  const command = new ServiceProcess(args)
  await command.end()
  return command.stdout + command.stderr
}

test('names that steer terminals do so nowhere: not in the log, for people or as JSON, not in status, not in explain', async () => {
  const stage = await Stage.open()
  const name = TRICK.replaceAll('/', '')
  await stage.file(name, 'content')
  const sites = { mirror: { provider: 'local_drive', root: { work: join(stage.dir, 'mirror') } }, [name]: { provider: 'no\u001b[31msuch' } }
  const config = await writeConfig(stage, { sites, general: { loop_delay: 1 } })
  const document = representation(
    [
      entry(`{root[work]}/${name}`, inArray('mirror', name, { name: 'x', error: TRICK })),
      entry(`{root[work]}/none/${name}`, inObject({ mirror: { error: TRICK }, [name]: {} })),
      entry(`{root[${name}]}/x`, inArray({ name: 'mirror', tries: TRICK })),
      { _id: TRICK, path: `{root[work]}/${name}/y`, sites: inArray('mirror') },
    ],
    { name: TRICK },
  )
  const strange = { ...representation([entry('{root[work]}/none', inArray('mirror'))]), _id: TRICK as unknown as ObjectId }
  await stage.insert(document, strange)
  // A collection may be called so, too.
  await stage.db.collection(`prj\u001b[31m`).insertOne(representation(['x']))
  for (const format of ['json', 'terminal']) {
    const service = new ServiceProcess(['scan', '--config', config, '--log-level', 'debug', '--log-format', format])
    expect(await service.end()).toBe(1)
    expect(service.stdout.split('\n').length).toBeGreaterThan(10)
    expect(STEERING.test(service.stdout)).toBe(false)
  }
  expect(await readFile(join(stage.dir, 'mirror', name), 'utf8')).toBe('content')
  const explained = await outputOf(['explain', String(document._id), '--config', config])
  const asked = await outputOf(['explain', TRICK, '--config', config])
  const status = await outputOf(['status', '--config', config])
  for (const output of [explained, asked, status]) {
    expect(output).toContain('\\x1b')
    expect(STEERING.test(output)).toBe(false)
  }
  const json = await outputOf(['explain', String(document._id), '--config', config, '--json'])
  expect(JSON.parse(json)).toMatchObject({ representation: String(document._id) })
  expect(STEERING.test(json)).toBe(false)
}, 60_000)

test('no name forges a line of explain, status or the log: what stands on a line of its own was put there by the program', async () => {
  const stage = await Stage.open()
  const forged = 'x\n      db.dropDatabase()\n{"event":{"action":"service.failed"}}'
  const config = await writeConfig(stage)
  const record = { name: 'mirror', tries: 1, error: forged }
  const document = representation([
    entry(`{root[work]}/${forged}`, inArray(record)),
    { _id: forged, path: `{root[${forged}]}/y`, sites: inArray(record) },
    entry(7 as unknown as string, inArray(record)),
  ])
  await stage.db.collection<object>(forged).insertOne(document)
  const explained = await outputOf(['explain', String(document._id), '--config', config])
  const lines = explained.trimEnd().split('\n')
  expect(lines.filter((line) => /^ {6}\S/.test(line)).map((line) => line.slice(6, 23))).toEqual(['site-sync retry $', 'db.getCollection('])
  expect(lines.filter((line) => !/^ {2}/.test(line))).toEqual([expect.stringContaining(`representation ${String(document._id)}`)])
  const status = await outputOf(['status', '--config', config])
  expect(status.split('\n').filter((line) => /^\s*(?:db\.|\{)/.test(line))).toEqual([])
})

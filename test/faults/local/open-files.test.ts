import { expect, test } from 'vitest'

import { filesBelow } from '../../support/mirror-stage.ts'
import { entry, inArray, representation, recordOf } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const FRAMES = 2_000

test('2,000 files in one representation, and no more than 128 open files: all arrive, no try is spent', async () => {
  const stage = await Stage.open()
  const paths = Array.from({ length: FRAMES }, (_, n) => `sh010/f.${1001 + n}.exr`)
  for (let n = 0; n < FRAMES; n += 50) await Promise.all(paths.slice(n, n + 50).map(async (path) => await stage.file(path)))
  const document = representation(paths.map((path) => entry(`{root[work]}/${path}`, inArray('mirror'))))
  await stage.insert(document)
  // More at once than there are files to open.
  const mirror = { provider: 'local_drive', root: { work: `${stage.dir}/mirror` }, concurrency: 150 }
  const config = await writeConfig(stage, { sites: { mirror }, general: { loop_delay: 2 } })
  const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'], {}, { openFiles: 128 })
  const records = async () => (await stage.read(document))?.files.map((file) => recordOf(file, 'mirror')) ?? []
  const isDone = async (): Promise<boolean> => (await records()).every((record) => record?.['created_dt'] instanceof Date)
  await waitFor('all frames', isDone, { withinMs: 60_000, seen: () => service.lines.summary().slice(-20) })
  expect(await filesBelow(`${stage.dir}/mirror`)).toEqual(paths.toSorted())
  for (const record of await records()) expect(Object.keys(record ?? {}).toSorted()).toEqual(['created_dt', 'id', 'name'])
  // It did run out of them.
  const messages = service.lines.lines.flatMap(({ error }) => error?.message ?? [])
  expect(messages.some((message) => message.includes('EMFILE'))).toBe(true)
  expect(service.lines.of('transfer.failed').map(({ site_sync: fields }) => fields?.tries ?? 0)).not.toContain(1)
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect(service.fault).toBeUndefined()
}, 90_000)

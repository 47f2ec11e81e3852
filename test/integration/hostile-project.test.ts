import { expect, test } from 'vitest'

import { array, element, object, text, type RawValue } from '../support/hostile-bson.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { rawDocument, rawRegExp, TYPE } from '../support/raw-bson.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { Wire } from '../support/wire.ts'

test("a project's own document that can't be read: roots of the documents serve, and nothing ends", async () => {
  const stage = await Stage.open()
  const settings = { ...stage.settings, publishSite: 'elsewhere', rootsFromProject: true, loopDelaySeconds: 0.5 }
  const odd: RawValue = [TYPE.regExp, rawRegExp(Buffer.from('('), Buffer.from('zz'))]
  const project = object(
    element('_id', text('project')),
    element('type', text('project')),
    element('config', object(element('roots', object(element('work', odd))))),
  )
  await using wire = await Wire.open(stage.uri)
  const database = element('$db', text(stage.db.databaseName))
  const command = rawDocument([element('insert', text(PROJECT)), element('documents', array([project])), database])
  expect((await wire.send(command))['n']).toBe(1)
  const running = await stage.start({ settings })
  await stage.file('a.exr')
  const context = { root: { work: stage.studioPath('') } }
  const document = representation([entry('{root[work]}/a.exr', inArray('gdrive'))], { context })
  await stage.insert(document)
  await stage.synced(document)
  await running.lines.scanned()
  expect(running.lines.of('stream.lost', 'scan.failed', 'service.unexpected').map(({ message }) => message)).toEqual([])
  await running.stop()
})

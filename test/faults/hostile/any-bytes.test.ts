import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { anyId, anyRepresentation, anyUpdate, array, element, object, text, type RawValue } from '../../support/hostile-bson.ts'
import { filesBelow } from '../../support/mirror-stage.ts'
import { entry, inArray, inObject, representation } from '../../support/published.ts'
import { Random } from '../../support/random.ts'
import { rawDocument, rawText, TYPE } from '../../support/raw-bson.ts'
import { Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { Wire } from '../../support/wire.ts'

/** Set it to see the same documents again; the seed of a run stands in what the test reports. */
const SEED = Number(process.env['HOSTILE_SEED'] ?? randomInt(2 ** 31))
const ROUNDS = 15
const DOCUMENTS = 30

/** Collections that a database may have; the server takes nearly all of these names. */
const COLLECTIONS: readonly [Buffer, ...Buffer[]] = [
  Buffer.from('prj'),
  Buffer.of(0x70, 0xff, 0xfe, 0x80),
  Buffer.from('n'.repeat(200)),
  Buffer.from('line\nbreak\r'),
  Buffer.from('\u001b[2J\u202e'),
  Buffer.from('a..b'),
  Buffer.from('end.'),
  Buffer.from('.start'),
  Buffer.from('do$lar'),
  Buffer.from('__proto__'),
  Buffer.from('constructor'),
  Buffer.from('toString'),
  Buffer.from('leases'),
  Buffer.from('resume_tokens'),
  Buffer.from('[a'),
  Buffer.from('!(x)'),
  Buffer.from('"; db.dropDatabase() //'),
]

const named = (command: string, collection: Buffer) => [TYPE.string, Buffer.from(command), rawText(collection)] as const

test(`documents of any bytes in collections of any name: what is good is synced, and nothing ends (HOSTILE_SEED=${SEED})`, async () => {
  const random = new Random(SEED)
  const stage = await Stage.open()
  await stage.file('there.exr')
  await writeFile(join(stage.dir, 'secret'), 'outside')
  const config = await writeConfig(stage, { general: { loop_delay: 1 } })
  // Where the memory it takes grew with what it is fed, this would end it.
  const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'], { NODE_OPTIONS: '--max-old-space-size=200' })
  await service.lines.until('service.ready', 1, { withinMs: 30_000 })
  await using wire = await Wire.open(stage.uri)
  const database = element('$db', text(stage.db.databaseName))
  let taken = 0
  const known: (readonly [collection: Buffer, id: RawValue])[] = []

  for (let round = 0; round < ROUNDS; round++) {
    const collection = random.chance(0.4) ? Buffer.from('prj') : random.pick(COLLECTIONS)
    for (let n = 0; n < DOCUMENTS; n++) {
      const id = anyId(random)
      const document: RawValue = [TYPE.object, anyRepresentation(random, id, 'mirror')]
      const answer = await wire.send(rawDocument([named('insert', collection), element('documents', array([document])), database]))
      if (answer['n'] !== 1) continue
      taken++
      known.push([collection, id])
    }
    for (let n = 0; n < DOCUMENTS / 2 && known.length > 0; n++) {
      const [of, id] = random.pick(known as [(typeof known)[0]])
      const query = element('q', object(element('_id', object(element('$eq', id)))))
      const change = element('u', [TYPE.object, anyUpdate(random)])
      const isDeleted = random.chance(0.2)
      const one = isDeleted ? object(query, element('limit', [TYPE.int, Buffer.of(1, 0, 0, 0)])) : object(query, change)
      const [command, list] = isDeleted ? (['delete', 'deletes'] as const) : (['update', 'updates'] as const)
      await wire.send(rawDocument([named(command, of), element(list, array([one])), database]))
    }
    for (const [project, sites] of [['prj', inArray('mirror')] as const, ['good', inObject({ mirror: {} })] as const]) {
      const path = `good/${project}-${round}`
      await stage.file(path)
      const good = representation([entry(`{root[work]}/${path}`, sites)])
      await stage.project(project).insertOne(good)
      await stage.synced(good, { site: 'mirror', project })
    }
  }
  await service.lines.scanned()
  expect(taken).toBeGreaterThan((ROUNDS * DOCUMENTS) / 2)
  const { lines } = service
  expect(
    lines.of('stream.lost', 'scan.failed', 'service.unexpected', 'database.lost', 'log.dropped').map(({ message }) => message),
  ).toEqual([])
  expect(lines.count('stream.opened')).toBe(1)
  expect(lines.count('record.unreadable')).toBeGreaterThan(0)
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect([service.fault, service.stderr, lines.unpaired()]).toEqual([undefined, '', []])
  const sent = await filesBelow(join(stage.dir, 'mirror'))
  expect(sent.filter((path) => path !== 'there.exr' && !/^good\/(prj|good)-\d+$/.test(path))).toEqual([])
}, 240_000)

import { appendFile } from 'node:fs/promises'

import { describe, expect, test } from 'vitest'

import type { SizeCheck } from '../../src/model/site.ts'
import { openMirrorStage, type MirrorStage } from '../support/mirror-stage.ts'
import { entry, inArray, inObject, representation, type Representation } from '../support/published.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

const WHOLE = 4 * 1024 * 1024

/** A file of which a quarter is there when its document is published. */
async function publish({ stage }: MirrorStage, sites: unknown = inArray('mirror', 'gdrive')): Promise<Representation> {
  await stage.file('a.mov', Buffer.alloc(WHOLE / 4, 'x'))
  const document = representation([entry('{root[work]}/a.mov', sites, { size: WHOLE })])
  await stage.insert(document)
  return document
}

function checked({ stage }: MirrorStage, sizeCheck: SizeCheck): Partial<MirrorStage['stage']['settings']> {
  const studio = stage.settings.sites.get('studio')
  return { ...stage.settings, sites: new Map(stage.settings.sites).set('studio', { ...(studio as NonNullable<typeof studio>), sizeCheck }) }
}

describe('a file that is still being copied when it is published', () => {
  test.each([
    ['array', inArray('mirror', 'gdrive')],
    ['object', inObject({ mirror: {}, gdrive: {} })],
  ])('is not marked before it is whole, and needs no scan (%s)', async (_shape, sites) => {
    const all = await openMirrorStage()
    const { stage } = all
    const running = await all.start()
    const document = await publish(all, sites)
    await running.lines.until('transfer.released', 2)
    for (let parts = 0; parts < 3; parts++) {
      for (const site of ['mirror', 'gdrive']) expect(await stage.record(document, { site })).not.toHaveProperty('created_dt')
      await appendFile(stage.studioPath('a.mov'), Buffer.alloc(WHOLE / 4, 'x'))
    }
    for (const site of ['mirror', 'gdrive']) await stage.synced(document, { site, withinMs: 25_000 })
    for (const { site_sync: fields } of running.lines.of('transfer.succeeded')) expect(fields).toMatchObject({ bytes: WHOLE })
    expect(running.lines.count('transfer.failed', 'source.size_differs')).toBe(0)
    await running.stop()
  })

  test('and never becomes whole: it is sent as it is after 10 s, with one warning', async () => {
    const all = await openMirrorStage()
    const running = await all.start()
    const document = await publish(all)
    for (const site of ['mirror', 'gdrive']) await all.stage.synced(document, { site, withinMs: 25_000 })
    expect(running.lines.of('source.size_differs')).toMatchObject([{ message: expect.stringContaining(String(WHOLE)) as string }])
    await running.stop()
  })

  test('explain says so', async () => {
    const { stage } = await openMirrorStage()
    await stage.file('a.mov', Buffer.alloc(WHOLE / 4, 'x'))
    const sites = inArray('mirror')
    const document = representation([
      entry('{root[work]}/a.mov', sites, { size: WHOLE }),
      entry('{root[work]}/absent.mov', sites, { size: WHOLE }),
      entry('{root[work]}/a.mov', sites, { size: WHOLE / 4 }),
    ])
    await stage.insert(document)
    const command = new ServiceProcess(['explain', String(document._id), '--json', '--config', await writeConfig(stage)])
    expect(await command.end()).toBe(0)
    const { files } = JSON.parse(command.stdout) as { files: { reason: string }[] }
    expect(files[0]?.reason).toMatch(
      /The source has 1\.0 MiB, the document says 4\.0 MiB: it may still be on its way, and is sent once it has not changed/,
    )
    expect(files[1]?.reason).toMatch(/The source is not there\.$/)
    expect(files[2]?.reason).not.toMatch(/The source/)
  })

  test('in one pass: it waits for it', async () => {
    const all = await openMirrorStage()
    const document = await publish(all)
    const running = await all.start({}, { mode: 'once' })
    await running.lines.until('transfer.released', 2)
    await appendFile(all.stage.studioPath('a.mov'), Buffer.alloc((WHOLE / 4) * 3, 'x'))
    const { synced, failed } = await running.ended
    expect({ synced, failed }).toEqual({ synced: 2, failed: 0 })
    expect(await all.stage.record(document, { site: 'mirror' })).toHaveProperty('created_dt')
  })
})

test('size_check "strict": a failed attempt, by both sizes; "off": sent as it is', async () => {
  const strict = await openMirrorStage()
  const first = await strict.start({}, { settings: { ...strict.stage.settings, ...checked(strict, 'strict') } })
  const refused = await publish(strict)
  const record = await strict.stage.until(refused, 'a try', ({ tries }) => tries === 1)
  expect(record['error']).toMatch(/has 1048576 bytes \(1\.0 MiB\), its document says 4194304 bytes \(4\.0 MiB\)/)
  expect((await first.lines.until('transfer.failed')).error?.code).toBe('SOURCE_INCOMPLETE')
  await first.stop()

  const off = await openMirrorStage()
  const second = await off.start({}, { settings: { ...off.stage.settings, ...checked(off, 'off') } })
  await off.stage.synced(await publish(off))
  expect(second.lines.count('transfer.released')).toBe(0)
  await second.stop()
})

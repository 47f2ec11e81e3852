import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { CHANGED, KINDS, openDirections, type Kind } from '../support/direction-kinds.ts'
import { entry, representation, T0, type Representation } from '../support/published.ts'

const PATH = 'sh010/plate.1001.exr'
const there = (name: string) => ({ name, created_dt: T0 })

/** The publish site has no record, or one that asks: the file is elsewhere. */
function wantedAt(target: string, ...sources: readonly string[]): Representation {
  const studio = target === 'studio' ? [] : [{ name: 'studio', paused: true }]
  return representation([entry(`{root[work]}/${PATH}`, [...studio, ...sources.map(there), { name: target }])])
}

const PAIRS = Object.entries(KINDS).flatMap(([from, source]) =>
  Object.entries(KINDS).map(([to, target]) => [from, to, source, target] as const),
)

describe.each(PAIRS)('from %s to %s', (_from, _to, source, target) => {
  test('a file of any size arrives as it is', async () => {
    const { stage, service } = await openDirections({ a: source, b: target })
    for (const size of [0, 5, 3_000_000]) {
      const content = randomBytes(size)
      await source.put(stage, 'a', `${size}/${PATH}`, content)
      const document = representation([
        entry(`{root[work]}/${size}/${PATH}`, { studio: { paused: true }, a: { created_dt: T0 }, b: {} }, { size }),
      ])
      await stage.stage.insert(document)
    }
    const running = await stage.stage.start(service)
    for (const document of await stage.stage.project().find().toArray()) {
      const record = await stage.stage.synced(document, { site: 'b' })
      expect(record).toEqual({ created_dt: expect.any(Date) as Date, id: expect.any(String) as string })
    }
    for (const size of [0, 5, 3_000_000]) {
      const arrived = await target.get(stage, 'b', `${size}/${PATH}`)
      expect([size, arrived?.equals((await source.get(stage, 'a', `${size}/${PATH}`)) ?? Buffer.from('none'))]).toEqual([size, true])
    }
    await running.stop()
  })

  test('cut off in the middle, it goes on from there at both ends', async () => {
    const { stage, service, noted } = await openDirections({ a: source, b: target })
    const content = randomBytes(3_000_000)
    await source.put(stage, 'a', PATH, content)
    const running = await stage.stage.start(service)
    const isStored = (): boolean => running.service.attempts.some(({ progress }) => progress.bytes > 0)
    Object.assign(noted.get('a') ?? {}, { cut: { afterBytes: 2_500_000, isStored } })
    const document = wantedAt('b', 'a')
    await stage.stage.insert(document)
    await stage.stage.synced(document, { site: 'b' })
    expect((await target.get(stage, 'b', PATH))?.equals(content)).toBe(true)
    expect(noted.get('a')?.reads).toContainEqual(expect.toSatisfy((from: number) => from > 0))
    await running.stop()
  })

  test('a record that lied: the next source serves in the same attempt, and the record stays', async () => {
    const { stage, service } = await openDirections({ liar: source, a: source, b: target })
    await source.put(stage, 'a', PATH, Buffer.from('the file'))
    const document = wantedAt('b', 'liar', 'a')
    await stage.stage.insert(document)
    const running = await stage.stage.start(service)
    expect(Object.keys(await stage.stage.synced(document, { site: 'b' })).toSorted()).toEqual(['created_dt', 'id', 'name'])
    expect((await target.get(stage, 'b', PATH))?.toString()).toBe('the file')
    expect(await stage.stage.record(document, { site: 'liar' })).toEqual(there('liar'))
    await stage.stage.settle(running).catch(() => undefined)
    expect(running.lines.of('source.missing')).toMatchObject([{ site_sync: { site: 'liar', target: 'b' } }])
    expect(running.lines.count('transfer.started')).toBe(1)
    await running.stop()
  })

  test('nobody has it: one try, and both are named', async () => {
    const { stage, service } = await openDirections({ liar: source, a: source, b: target })
    const document = wantedAt('b', 'liar', 'a')
    await stage.stage.insert(document)
    const running = await stage.stage.start(service)
    const { error, tries } = await stage.stage.until(document, 'a failure', (record) => record['error'] !== undefined, { site: 'b' })
    expect([tries, error]).toEqual([1, expect.stringMatching(/^no site has it: .*plate\.1001\.exr.*; .*plate\.1001\.exr/)])
    await running.stop()
  })

  test('other bytes than were sent are never marked', async () => {
    const { stage, service, noted } = await openDirections({ a: source, b: target })
    await source.put(stage, 'a', PATH, Buffer.from('the file'))
    const running = await stage.stage.start(service)
    noted.get('b')?.add({ verb: 'write', with: 'corrupt' })
    const document = wantedAt('b', 'a')
    await stage.stage.insert(document)
    const record = await stage.stage.until(document, 'a failure', ({ tries }) => tries === 1, { site: 'b' })
    expect(record['created_dt']).toBeUndefined()
    await running.stop()
  })
})

describe.each(Object.entries<Kind>(KINDS))('case 31: a download from %s to the publish site', (_name, source) => {
  test('arrives with its time, and is marked', async () => {
    const { stage, service } = await openDirections({ a: source })
    await source.put(stage, 'a', PATH, Buffer.from('the file'))
    const document = wantedAt('studio', 'a')
    await stage.stage.insert(document)
    const running = await stage.stage.start(service)
    expect(await stage.stage.synced(document, { site: 'studio' })).toMatchObject({ id: PATH })
    const { mtime, size } = await stat(stage.stage.studioPath(PATH))
    expect(size).toBe(8)
    // The fake Drive dates what is put there by its own clock.
    expect([CHANGED.getTime(), source === KINDS['Drive'] ? mtime.getTime() : 0]).toContain(mtime.getTime())
    await running.stop()
  })

  test('a root that is not mounted is trouble of the site: no folder is made, no try is spent', async () => {
    const { stage, service } = await openDirections({ a: source })
    await source.put(stage, 'a', PATH, Buffer.from('the file'))
    const sites = new Map(service.settings?.sites)
    const root = join(stage.stage.dir, 'not', 'mounted')
    sites.set('studio', { name: 'studio', provider: 'local_drive', root: new Map([['work', root]]), alternativeSites: [] })
    const document = wantedAt('studio', 'a')
    await stage.stage.insert(document)
    const running = await stage.stage.start({ ...service, ...(service.settings && { settings: { ...service.settings, sites } }) })
    const record = await stage.stage.until(document, 'its trouble', ({ error }) => error !== undefined, { site: 'studio' })
    expect(record['tries']).toBeUndefined()
    await expect(stat(root)).rejects.toThrow('ENOENT')
    running.service.force()
    await running.ended
  })
})

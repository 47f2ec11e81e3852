import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { Site } from '../../src/model/site.ts'
import { openDeletions, SITE, type Deletions } from '../support/deletion-stage.ts'
import { KINDS } from '../support/direction-kinds.ts'
import { driveService } from '../support/drive-stage.ts'
import { UNHURRIED_LEASE_SECONDS } from '../support/hurried-clock.ts'
import { entry, inArray, recordOf, representation, T0, type Representation } from '../support/published.ts'
import { waitFor } from '../support/wait-for.ts'

const THERE = { name: SITE, created_dt: T0, id: 'x', mine: 'kept' }
const NAS = { name: 'nas', created_dt: T0 }
const A = '{root[work]}/a'

const recordNow = async ({ stage }: Deletions, document: Representation, site = SITE) =>
  recordOf((await stage.read(document))?.files[0], site)

/** A file at the site and at `nas`, and nowhere else. */
async function twoCopies(kind: string): Promise<Deletions & { readonly document: Representation }> {
  const all = await openDeletions(kind)
  await all.put('a', 'the file')
  all.stage.spy('nas').store.put('/My Drive/w/a', 'the file')
  const document = representation([entry(A, [{ name: 'studio', paused: true }, THERE, NAS])])
  await all.stage.insert(document)
  return { ...all, document }
}

describe.each(Object.keys(KINDS))('%s', (kind) => {
  test('two people remove one file from both of its sites: one copy is left, with its record', async () => {
    const all = await twoCopies(kind)
    const remove = async (site: string) => all.remove({ site, selection: { site, all: true } })
    let ready = 0
    // Were both allowed to, each would have looked at the other's copy before either of them is removed.
    all.beforeRemoval(async () => {
      ready++
      await waitFor('the other one to be ready', () => ready === 2, { withinMs: 2_000 }).catch(() => undefined)
    })
    const done = await Promise.all([remove(SITE), remove('nas')])
    expect(done.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(1)
    expect(done.flatMap(({ files }) => files.map(({ outcome, reason }) => reason ?? outcome)).toSorted()).toEqual(['deleted', 'last-copy'])
    const left = [(await all.get('a')) !== undefined, all.stage.spy('nas').store.get('/My Drive/w/a') !== undefined]
    const recorded = [(await recordNow(all, all.document)) !== undefined, (await recordNow(all, all.document, 'nas')) !== undefined]
    expect(left).toEqual(recorded)
    expect(left.filter(Boolean)).toHaveLength(1)
  })

  test('the other copy goes while the record is taken out: the file stays, and its record is as it was', async () => {
    const all = await twoCopies(kind)
    const before = await recordNow(all, all.document)
    const nas = all.stage.spy('nas')
    nas.gate = async ({ verb }) => {
      if (verb === 'stat' && (await recordNow(all, all.document)) === undefined) nas.store.files.clear()
    }
    expect(await all.remove()).toMatchObject({ deleted: 0, kept: 1, records: 0, files: [{ reason: 'last-copy' }] })
    expect(await recordNow(all, all.document)).toEqual(before)
    expect(await all.get('a')).toBe('the file')
  })

  test('a record that changes meanwhile: the document is skipped, and the file stays', async () => {
    const all = await twoCopies(kind)
    const nas = all.stage.spy('nas')
    nas.gate = async () => {
      await all.stage.project().updateOne({ _id: all.document._id }, { $set: { 'files.0.sites.1.priority': 90 } })
    }
    expect(await all.remove()).toMatchObject({ deleted: 0, kept: 0, skipped: 1, records: 0, files: [] })
    expect(await all.get('a')).toBe('the file')
    nas.gate = undefined
    expect(await all.remove()).toMatchObject({ deleted: 1, skipped: 0, records: 1 })
  })

  test('another representation gets the file there while its record is taken out: it stays', async () => {
    const all = await twoCopies(kind)
    const nas = all.stage.spy('nas')
    const other = representation([entry(A, [THERE])])
    let isThere = false
    nas.gate = async () => {
      if (!isThere) await all.stage.insert(other)
      isThere = true
    }
    expect(await all.remove()).toMatchObject({ deleted: 0, kept: 1, shared: 1, records: 1 })
    expect(await all.get('a')).toBe('the file')
  })

  test('a transfer that runs there ends as for a record that is removed, and leaves nothing', async () => {
    const all = await openDeletions(kind)
    const { stage, settings } = all
    const content = 'x'.repeat(3_000_000)
    await stage.file('a', content)
    await stage.file('fence')
    await all.put('a', 'what was there before')
    stage.spy('nas').store.put('/My Drive/w/a', 'what was there before')
    const started = Promise.withResolvers<void>()
    const opened = driveService(stage).openProvider ?? (async () => Promise.reject(new Error('none')))
    const running = await stage.start({
      settings: { ...settings, leaseSeconds: UNHURRIED_LEASE_SECONDS },
      ...driveService(stage),
      async openProvider(site, context) {
        const provider = await opened(site, context)
        if (site.name !== SITE) return provider
        const write = provider.write.bind(provider)
        provider.write = async (path, source, options) => {
          started.resolve()
          // As slow as a line can be: it ends with its signal.
          await new Promise((resolve) => options.signal.addEventListener('abort', resolve, { once: true }))
          return await write(path, source, options)
        }
        return provider
      },
    })
    const document = representation([entry(A, [{ name: 'studio', created_dt: T0 }, { name: SITE }, NAS])])
    // Without it nobody tells the service of the record that is gone.
    await running.lines.until('stream.opened')
    await stage.insert(document)
    await started.promise
    expect(await all.remove()).toMatchObject({ deleted: 1, kept: 0, records: 1 })
    await waitFor('the end of the transfer', () => running.lines.count('transfer.dropped') === 1, {
      seen: () => running.lines.summary(),
    })
    expect(await all.get('a')).toBeUndefined()
    expect(await recordNow(all, document)).toBeUndefined()
    await running.stop()
  })

  test('told to end while it looks: nothing is changed, and it can be run again', async () => {
    const all = await twoCopies(kind)
    const controller = new AbortController()
    all.stage.spy('nas').gate = () => controller.abort()
    expect(await all.remove({ signal: controller.signal })).toMatchObject({ deleted: 0, records: 0, files: [] })
    expect(await recordNow(all, all.document)).toEqual(THERE)
    all.stage.spy('nas').gate = undefined
    expect(await all.remove()).toMatchObject({ deleted: 1, records: 1 })
  })

  test('from the publish site under the same rule: what another site has goes, the last copy stays', async () => {
    const all = await openDeletions(kind)
    for (const path of ['a', 'b']) await all.stage.file(path)
    await all.put('a', 'a')
    const one = representation([entry(A, inArray(THERE))])
    const two = representation([entry('{root[work]}/b', inArray(THERE))])
    await all.stage.insert(one, two)
    const done = await all.remove({ site: 'studio', selection: { site: 'studio', all: true } })
    expect(done).toMatchObject({
      deleted: 1,
      kept: 1,
      files: expect.arrayContaining([expect.objectContaining({ path: A, outcome: 'deleted' })]) as unknown,
    })
    expect(await readdir(all.stage.studioPath(''))).toEqual(['b'])
    expect([await recordNow(all, one, 'studio'), await recordNow(all, two, 'studio')]).toEqual([
      undefined,
      { name: 'studio', created_dt: T0 },
    ])
  })
})

const twin = (site: Site, root: string): Site => ({ ...site, name: 'twin', root: new Map([['work', root]]) })

const linked = async (own: string, { stage }: Deletions): Promise<string> => {
  await symlink(own, join(stage.dir, 'link'))
  return join(stage.dir, 'link')
}

async function openTwins(root: (own: string, all: Deletions) => Promise<string>, more: Partial<Site> = {}): Promise<Deletions> {
  const all = await openDeletions('local')
  const site = all.settings.sites.get(SITE) as Site
  const own = [...(site.root as ReadonlyMap<string, string>).values()][0] ?? ''
  const sites = new Map(all.settings.sites).set('twin', { ...twin(site, await root(own, all)), ...more })
  const settings = { ...all.settings, sites }
  return { ...all, settings, remove: async (parts) => all.remove({ settings, ...parts }) }
}

describe('one storage by two names is no other copy', () => {
  test.each([
    ['a link to the root', linked],
    ['the same root', async (own: string) => Promise.resolve(own)],
  ])('%s: its record keeps the file', async (_what, root) => {
    const all = await openTwins(root)
    await all.stage.file('a')
    await all.put('a', 'a')
    const document = representation([entry(A, inArray(THERE, { name: 'twin', created_dt: T0 }))])
    await all.stage.insert(document)
    expect(await all.remove()).toMatchObject({ deleted: 0, kept: 1, shared: 1, records: 1 })
    expect(await all.get('a')).toBe('a')
    expect(await all.remove({ site: 'twin', selection: { site: 'twin', all: true } })).toMatchObject({ deleted: 1, records: 1 })
    expect(await all.get('a')).toBeUndefined()
  })

  test('a root that holds the root: a path that leads there keeps the file, in another project as well', async () => {
    const all = await openTwins(async (own) => Promise.resolve(join(own, '..')))
    await all.stage.file('a')
    await all.put('a', 'a')
    await all.stage.insert(representation([entry(A, inArray(THERE))]))
    await all.stage.project('another').insertOne(representation([entry(`{root[work]}/${SITE}/a`, [{ name: 'twin', created_dt: T0 }])]))
    expect(await all.remove()).toMatchObject({ deleted: 0, shared: 1 })
  })

  test('a link to its folder within the root of another site: the file is no copy of itself', async () => {
    const all = await openTwins(async (own, { stage }) => {
      await mkdir(join(own, 'sub'), { recursive: true })
      await symlink(join(own, 'sub'), join(stage.dir, 'sub'))
      return stage.dir
    })
    await all.put('sub/a', 'a')
    const document = representation([
      entry('{root[work]}/sub/a', [{ name: 'studio', paused: true }, THERE, { name: 'twin', created_dt: T0 }]),
    ])
    await all.stage.insert(document)
    const why = expect.stringContaining('it is the same file') as string
    expect(await all.remove()).toMatchObject({ deleted: 0, kept: 1, files: [{ reason: 'last-copy', why }] })
    expect(await all.get('sub/a')).toBe('a')
  })

  test('an alternative that is not declared: its record keeps the file', async () => {
    const all = await openTwins(async (own) => Promise.resolve(`${own}-elsewhere`), { alternativeSites: [] })
    const site = { ...(all.settings.sites.get(SITE) as Site), alternativeSites: ['mirror of it'] }
    const settings = { ...all.settings, sites: new Map(all.settings.sites).set(SITE, site) }
    await all.stage.file('a')
    await all.put('a', 'a')
    await all.stage.insert(representation([entry(A, inArray(THERE, { name: 'mirror of it', created_dt: T0 }))]))
    expect(await all.remove({ settings })).toMatchObject({ deleted: 0, shared: 1 })
  })
})

test('several files of one name on Drive: a person has to say which is meant', async () => {
  const all = await openDeletions('Drive')
  await all.stage.file('a')
  for (let n = 0; n < 2; n++) await all.put('a', 'a')
  await all.stage.insert(representation([entry(A, inArray(THERE))]))
  expect(await all.remove()).toMatchObject({ deleted: 0, kept: 1, records: 0, files: [{ reason: 'duplicated' }] })
})

test('a site that is not configured in the project, or cannot be opened: nothing changes', async () => {
  const all = await openDeletions('local')
  await all.stage.insert(representation([entry(A, inArray(THERE, { name: 'gone', created_dt: T0 }))]))
  const gone = await all.remove({ site: 'gone', selection: { site: 'gone', all: true } })
  expect(gone).toMatchObject({ kept: 1, records: 0, files: [{ reason: 'not-looked', why: 'the site is not configured in this project' }] })
})

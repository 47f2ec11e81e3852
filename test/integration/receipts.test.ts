import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

import { describe, expect, onTestFinished, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { Settings } from '../../src/model/settings.ts'
import type { ProviderPool } from '../../src/providers/provider-pool.ts'
import { makeReceipts, type ReceiptParts, type ReceiptResult } from '../../src/service/receipt/receipt.ts'
import { Spool, type Refused } from '../../src/service/receipt/spool.ts'
import { hold } from '../../src/streams/holding.ts'
import { ascmhl, ASCMHL, HAS_ASCMHL } from '../support/ascmhl.ts'
import { KINDS } from '../support/direction-kinds.ts'
import { lookingPool } from '../support/looking-pool.ts'
import { openDriveStage, type DriveStage } from '../support/drive-stage.ts'
import { entry, inArray, inObject, representation, T0 } from '../support/published.ts'

const THERE = { name: 'client', created_dt: T0, id: 'x' }

interface Client {
  readonly drive: DriveStage
  readonly settings: Settings
  /** As it is published, and as it is at the client. */
  file(path: string, content: string): Promise<void>
  put(path: string, content: string): Promise<void>
  make(parts?: Partial<ReceiptParts>): Promise<ReceiptResult & { readonly refused: readonly Refused[] }>
  /** What is at the client, as a folder of this machine. */
  pulled(result: ReceiptResult, paths: readonly string[]): Promise<string>
}

/** A production that delivers to the site `client`, of one of the kinds of storage. */
async function openClient(kind: keyof typeof KINDS): Promise<Client> {
  const drive = await openDriveStage()
  const { stage } = drive
  const storage = KINDS[kind]
  if (!storage) throw new Error(kind)
  const site = await storage.site(drive, 'client')
  const settings = { ...stage.settings, sites: new Map(stage.settings.sites).set('client', site) }
  // One for each receipt, as for each command.
  const open = (): ProviderPool => lookingPool(stage)
  const put = async (path: string, content: string): Promise<void> => {
    const present = kind === 'Drive' ? drive.drive.file(`My Drive/client/${path}`) : undefined
    if (present) drive.drive.delete(present.id)
    await storage.put(drive, 'client', path, Buffer.from(content))
  }
  return {
    drive,
    settings,
    put,
    async file(path, content) {
      await stage.file(path, content)
      await put(path, content)
    },
    async make(parts = {}) {
      await using spool = await Spool.open()
      await using providers = open()
      const result = await makeReceipts({
        db: stage.db,
        state: stage.state,
        settings,
        selection: { site: 'client', all: true },
        misconfigured: new Map(),
        providers,
        spool,
        signal: new AbortController().signal,
        isPartial: false,
        isDryRun: false,
        head: { host: 'studio-1', tool: { name: 'site-sync', version: '0' }, author: 'me', location: 'client' },
        ...parts,
      })
      return { ...result, refused: [...spool.eachRefused()] }
    },
    async pulled({ receipts }, paths) {
      const folder = await mkdtemp(join(tmpdir(), 'receipts-test-'))
      onTestFinished(async () => await rm(folder, { recursive: true, force: true }))
      const manifests = receipts.map(({ manifest }) => `ascmhl/${basename(manifest)}`)
      for (const path of [...paths, ...manifests, 'ascmhl/ascmhl_chain.xml']) {
        const bytes = await storage.get(drive, 'client', path)
        if (!bytes) throw new Error(`${path} is not there`)
        await mkdir(dirname(join(folder, path)), { recursive: true })
        await writeFile(join(folder, path), bytes)
      }
      return folder
    },
  }
}

const pathsOf = (refused: readonly Refused[]): Record<string, string> => Object.fromEntries(refused.map(({ path, why }) => [path, why]))

describe.each(['local', 'memory', 'Drive'])('a client whose site is %s', (kind) => {
  test('gets a receipt of what is there, and a second generation that goes on from it', async () => {
    const client = await openClient(kind)
    const { stage } = client.drive
    await client.file('a.exr', 'first')
    await client.file('shots/b&<c>.exr', 'second')
    await stage.insert(
      representation([
        entry('{root[work]}/a.exr', inArray(THERE)),
        entry('{root[work]}/shots/b&<c>.exr', inObject({ client: { created_dt: T0 } })),
      ]),
      // The same file of another version, and one that nobody asked for there.
      representation([entry('{root[work]}/a.exr', inArray(THERE)), entry('{root[work]}/elsewhere', inArray('gdrive'))]),
    )
    const planned = await client.make({ isDryRun: true })
    expect(planned).toMatchObject({ records: 3, representations: 2, refused: [], receipts: [{ generation: 1, files: 2, bytes: 11 }] })
    expect(planned.receipts[0]).not.toHaveProperty('c4')
    const first = await client.make()
    expect(first).toMatchObject({
      refused: [],
      receipts: [{ generation: 1, files: 2, bytes: 11, c4: expect.stringMatching(/^c4/) as string }],
    })
    const folder = await client.pulled(first, ['a.exr', 'shots/b&<c>.exr'])
    const [manifest = ''] = (await readdir(join(folder, 'ascmhl'))).filter((name) => name.startsWith('0001_'))
    const text = await readFile(join(folder, 'ascmhl', manifest), 'utf8')
    // As the site stores it, or read.
    const md5 = createHash('md5').update('first').digest('hex')
    expect(text).toContain(kind === 'local' ? '<c4 action="original"' : `>${md5}</md5>`)
    expect(text.match(/<hash>/g)).toHaveLength(2)
    expect(text).toContain('<hostname>studio-1</hostname>')

    await client.file('late.exr', 'third')
    await stage.insert(representation([entry('{root[work]}/late.exr', inArray(THERE))]))
    const second = await client.make()
    expect(second).toMatchObject({ refused: [], receipts: [{ generation: 2, files: 3 }] })
    const later = await client.pulled({ ...second, receipts: [...first.receipts, ...second.receipts] }, [
      'a.exr',
      'shots/b&<c>.exr',
      'late.exr',
    ])
    const added = await readFile(join(later, 'ascmhl', basename(second.receipts[0]?.manifest ?? '')), 'utf8')
    expect([added.match(/action="verified"/g)?.length, added.match(/action="original"/g)?.length]).toEqual([2, 1])
    expect(await stage.state.collection('leases').countDocuments({ _id: /^receipt/ as never })).toBe(0)

    if (!HAS_ASCMHL) return
    for (const what of ['verify', 'diff']) expect([what, await ascmhl(what, later)]).toEqual([what, { code: ASCMHL.fine, text: '' }])
    const info = await ascmhl('info', '-v', later)
    expect(info.code).toBe(ASCMHL.fine)
    expect(info.text).toMatch(/Generation 1 [^]*studio-1, site-sync 0, me, at\/in client[^]*Generation 2 /)
    // The reference implementation goes on from it in turn.
    expect((await ascmhl('create', later)).code).toBe(ASCMHL.fine)
  })

  test('refuses what is not verified there, says which and why, and writes nothing then', async () => {
    const client = await openClient(kind)
    const { stage } = client.drive
    for (const path of ['good', 'longer', 'other']) await client.file(path, 'bytes')
    for (const path of ['gone', 'pending', 'failed']) await stage.file(path, 'bytes')
    await client.put('longer', 'bytes and more')
    await client.put('other', 'BYTES')
    await client.put('alone', 'bytes')
    await stage.insert(
      representation([
        ...['good', 'longer', 'other', 'gone'].map((path) => entry(`{root[work]}/${path}`, inArray(THERE))),
        entry('{root[work]}/alone', [THERE]),
        entry('{root[work]}/pending', inArray('client')),
        entry('{root[work]}/failed', inArray({ name: 'client', tries: 3, error: 'no room' })),
        entry('{root[work]}/ascmhl/x', inArray(THERE)),
        entry('{root[work]}/bell\u0007', inArray(THERE)),
        entry('{root[work]}/broken\uFFFD', inArray(THERE)),
        entry('{root[nowhere]}/x', inArray(THERE)),
        entry('{root[work]}/../x', inArray(THERE)),
      ]),
    )
    const result = await client.make()
    expect([result.records, result.receipts]).toEqual([12, []])
    expect(pathsOf(result.refused)).toEqual({
      '{root[work]}/longer': 'it has 14 bytes there, and 5 at studio',
      '{root[work]}/other': 'it has other content there than at studio',
      '{root[work]}/gone': 'it is not there, although its record says so',
      '{root[work]}/alone': expect.stringContaining('there is nothing to compare it with') as string,
      '{root[work]}/pending': expect.stringContaining('no created_dt: it is pending') as string,
      '{root[work]}/failed': expect.stringContaining('it failed: no room') as string,
      '{root[work]}/ascmhl/x': expect.stringContaining('holds the name ascmhl') as string,
      '{root[work]}/bell\u0007': expect.stringContaining('holds U+0007') as string,
      '{root[work]}/broken\uFFFD': expect.stringContaining('not valid UTF-8') as string,
      '{root[nowhere]}/x': expect.stringContaining('"nowhere"') as string,
      '{root[work]}/../x': expect.stringContaining('leaves its root') as string,
    })
    expect(await KINDS[kind]?.get(client.drive, 'client', 'ascmhl/ascmhl_chain.xml')).toBeUndefined()

    const partial = await client.make({ isPartial: true })
    expect(partial.refused).toHaveLength(11)
    expect(partial.receipts).toMatchObject([{ files: 1, generation: 1 }])
    // What was stated once stays: neither new content at both ends, nor its source alone, gets another word.
    await client.file('good', 'again')
    const changed = await client.make({ selection: { site: 'client', representation: '{root[work]}/good', states: new Set(['synced']) } })
    expect(pathsOf(changed.refused)['{root[work]}/good']).toContain('other content than generation 1')
    // What earlier generations state is as good as a source.
    await client.put('good', 'bytes')
    await rm(stage.studioPath('good'))
    expect(await client.make({ isPartial: true })).toMatchObject({ receipts: [{ files: 1, generation: 2 }] })
  })
})

test('a site that is down is no site where files are missing', async () => {
  const client = await openClient('memory')
  const { stage } = client.drive
  await client.file('a', 'x')
  await stage.insert(representation([entry('{root[work]}/a', inArray(THERE))]))
  stage.spy('client').fail({ verb: 'stat', path: 'a', with: new SyncError('ROOT_MISSING', 'it is not mounted') })
  await expect(client.make()).rejects.toThrow('it is not mounted')
})

test('a transient fault is tried again; a source that is down is passed over', async () => {
  const client = await openClient('memory')
  const { stage } = client.drive
  await client.file('a', 'x')
  stage.spy('nas').store.put('/My Drive/w/a', 'x')
  await stage.insert(representation([entry('{root[work]}/a', inArray(THERE, { name: 'nas', created_dt: T0 }))]))
  await rename(stage.studioPath(''), `${stage.studioPath('')}-unmounted`)
  let faults = 0
  stage.spy('client').gate = ({ verb }) => {
    if (verb === 'stat' && faults++ === 0) throw new SyncError('INTERRUPTED', 'cut off')
  }
  expect(await client.make()).toMatchObject({ refused: [], receipts: [{ files: 1 }] })
})

test.each(['stat', 'write'] as const)(
  'told to end when it is about to %s: nothing is written, and nothing stays on this machine',
  async (verb) => {
    const client = await openClient('memory')
    const { stage } = client.drive
    await client.file('a', 'x')
    await stage.insert(representation([entry('{root[work]}/a', inArray(THERE))]))
    const controller = new AbortController()
    stage.spy('client').gate = (call) => {
      if (call.verb === verb) controller.abort()
    }
    const spool = await Spool.open()
    await expect(client.make({ signal: controller.signal, spool })).rejects.toThrow(/abort|stopped/)
    await spool[Symbol.asyncDispose]()
    expect(stage.spy('client').store.paths()).toEqual(['/client/a'])
    await expect(readdir(spool.dir)).rejects.toThrow('ENOENT')
    expect(await stage.state.collection('leases').countDocuments({})).toBe(0)
  },
)

test('what lies at the publish site is no measure where nobody said that it is there, and another site has the file', async () => {
  const client = await openClient('memory')
  const { stage } = client.drive
  await stage.file('a', 'somebody’s own')
  await client.put('a', 'x')
  stage.spy('nas').store.put('/My Drive/w/a', 'x')
  await stage.insert(representation([entry('{root[work]}/a', [THERE, { name: 'nas', created_dt: T0 }])]))
  expect(await client.make()).toMatchObject({ refused: [], receipts: [{ files: 1 }] })
})

test('a receipt of the publish site: what lies there is what was published, of the size that the document has', async () => {
  const client = await openClient('memory')
  const { stage } = client.drive
  for (const path of ['a', 'b', 'c']) await stage.file(path, 'x')
  await stage.insert(
    representation([
      entry('{root[work]}/a', inArray(), { size: 1 }),
      entry('{root[work]}/b', inArray(), { size: 2 }),
      entry('{root[work]}/c', inArray(), { size: 'about 1' }),
    ]),
  )
  const result = await client.make({ selection: { site: 'studio', all: true }, isPartial: true })
  expect(pathsOf(result.refused)).toEqual({ '{root[work]}/b': 'it has 1 bytes there, and 2 in its document' })
  expect(result.receipts).toMatchObject([{ files: 2, root: stage.studioPath('').replace(/\/$/, '') }])
})

test('two at a time: the second one is told to wait', async () => {
  const client = await openClient('memory')
  const { stage } = client.drive
  await client.file('a', 'x')
  await stage.insert(representation([entry('{root[work]}/a', inArray(THERE))]))
  {
    await using held = await hold(stage.state, 'receipt\0client\0/client', 'somebody', 30)
    expect(held).toBeDefined()
    await expect(client.make()).rejects.toThrow('somebody else writes a receipt')
    // Who died holds it until its time is over, by the server's clock.
    await stage.state.collection('leases').updateOne({ owner: 'somebody' }, { $set: { until: new Date(0) } })
    expect(await client.make()).toMatchObject({ receipts: [{ generation: 1 }] })
  }
  expect(await stage.state.collection('leases').countDocuments({})).toBe(0)
})

const rootsAt = (work: string, other: string) =>
  new Map([
    ['work', work],
    ['render/../x', other],
  ])

test('each root has a history of its own; in a folder of this machine each has a folder', async () => {
  const client = await openClient('local')
  const { stage } = client.drive
  const [one, two] = [join(stage.dir, 'one'), join(stage.dir, 'two')]
  for (const [root, folder] of [
    ['work', one],
    ['render/../x', two],
  ] as const) {
    await stage.file('f', root, root)
    await mkdir(folder)
    await writeFile(join(folder, 'f'), root)
  }
  const site = { name: 'client', provider: 'local_drive', root: rootsAt(one, two), alternativeSites: [] }
  const studio = { ...site, name: 'studio', root: rootsAt(stage.studioPath(''), stage.studioPath('', 'render/../x')) }
  const settings = {
    ...client.settings,
    sites: new Map([
      ['studio', studio],
      ['client', site],
    ]),
  }
  await stage.insert(representation([entry('{root[work]}/f', inArray(THERE)), entry('{root[render/../x]}/f', inArray(THERE))]))
  const out = join(stage.dir, 'receipts')
  const aside = await client.make({ settings, out })
  expect(aside.receipts.map(({ manifest }) => dirname(manifest)).toSorted()).toEqual([
    join(out, 'render%2F..%2Fx/ascmhl'),
    join(out, 'work/ascmhl'),
  ])
  expect(await readdir(one)).toEqual(['f'])
  const there = await client.make({ settings })
  expect(there.receipts.map(({ generation, files }) => [generation, files])).toEqual([
    [1, 1],
    [1, 1],
  ])
  expect((await readdir(one)).toSorted()).toEqual(['ascmhl', 'f'])
  expect((await readdir(two)).toSorted()).toEqual(['ascmhl', 'f'])
  expect(await client.make({ settings, out })).toMatchObject({ receipts: [{ generation: 2 }, { generation: 2 }] })
})

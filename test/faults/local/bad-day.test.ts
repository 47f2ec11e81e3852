import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { expect, onTestFinished, test } from 'vitest'

import { CAN_MOUNT, faultyMount } from '../../support/faulty-mount.ts'
import { insertRaw, NOT_UTF8 } from '../../support/not-utf8.ts'
import { entry, inArray, recordOf, representation, type Representation } from '../../support/published.ts'
import { PROJECT, Stage } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const run = promisify(execFile)
const [EIO, EACCES, EBUSY] = [5, 13, 16]
const LARGE = 20_000_000

/** A file that is published for some sites, at some of which it can't arrive. */
interface Case {
  readonly path: string
  readonly content: Buffer | string
  readonly sites: readonly string[]
  readonly fails?: readonly string[]
}

const good = (folder: string, count: number, ...sites: string[]): Case[] =>
  Array.from({ length: count }, (_, n) => ({ path: `${folder}/${1001 + n}.exr`, content: `${folder} ${n}`, sites }))

test.skipIf(!CAN_MOUNT)(
  'a bad day: a share unmounted, a folder read-only, a bad sector, an open movie, a full disk, a bad document, a site not filled in; all else arrives',
  async () => {
    const stage = await Stage.open()
    const at = (name: string): string => join(stage.dir, name)
    // `nas` was in use, and is not mounted now; `small` has no room for a movie; `mirror` and the studio are what they are.
    const nas = { server: at('nas.server'), mount: async () => void (await run('mount', ['--bind', at('nas.server'), at('nas')])) }
    for (const folder of [nas.server, at('nas'), at('mirror/closed'), at('small')]) await mkdir(folder, { recursive: true })
    await writeFile(at('mirror/playing.mov'), 'the old one')
    await nas.mount()
    await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', at('small')])
    onTestFinished(async () => {
      for (const name of ['nas', 'small']) await run('umount', ['-l', at(name)]).catch(() => undefined)
    })
    const onDisk = (name: string): object => ({ provider: 'local_drive', root: { work: at(name) } })
    const config = await writeConfig(stage, {
      general: { loop_delay: 2 },
      sites: { nas: onDisk('nas'), small: onDisk('small'), elsewhere: { provider: 'local_drive', root: { work: { windows: 'P:/work' } } } },
    })

    const firstly: Case = { path: 'before.exr', content: 'before', sites: ['nas', 'mirror'] }
    const cases: readonly Case[] = [
      { path: 'closed/a.exr', content: 'a', sites: ['mirror', 'small'], fails: ['mirror'] },
      { path: 'bad-sector.exr', content: Buffer.alloc(3_000_000, 'x'), sites: ['mirror', 'small'], fails: ['mirror', 'small'] },
      { path: 'playing.mov', content: 'the new one', sites: ['mirror', 'small'], fails: ['mirror'] },
      { path: 'large.mov', content: Buffer.alloc(LARGE, 'x'), sites: ['mirror', 'small'], fails: ['small'] },
      { path: 'elsewhere.exr', content: 'e', sites: ['elsewhere', 'mirror'] },
      { path: 'for-nas.exr', content: 'n', sites: ['nas', 'mirror'] },
      ...good('sh010', 60, 'mirror'),
      ...good('sh020', 60, 'small'),
      ...good('sh030', 60, 'mirror', 'small'),
    ]
    for (const { path, content } of [firstly, ...cases]) await stage.file(path, content)
    const documentOf = ({ path, sites }: Case): Representation => representation([entry(`{root[work]}/${path}`, inArray(...sites))])

    const mirror = await faultyMount(at('mirror'))
    const studio = await faultyMount(dirname(stage.studioPath('x')))

    // While all is well `nas` gets a file, and is remembered.
    const first = documentOf(firstly)
    await stage.insert(first)
    const before = new ServiceProcess(['scan', '--once', '--config', config])
    expect(await before.end(60_000)).toBe(0)
    for (const site of ['nas', 'mirror']) await stage.synced(first, { site })

    await run('umount', ['-l', at('nas')])
    await mirror.fail({
      rules: [
        { operation: 'create', path: 'closed/', errno: EACCES },
        { operation: 'rename', path: 'playing.mov', errno: EBUSY },
      ],
    })
    await studio.fail({ rules: [{ operation: 'read', path: 'bad-sector.exr', errno: EIO }] })
    const service = new ServiceProcess(['run', '--config', config])
    await service.lines.until('service.ready', 1, { withinMs: 30_000 })
    const bad = representation([entry(`{root[work]}/${NOT_UTF8}.exr`, inArray('mirror'))])
    await insertRaw(stage.uri, stage.db.databaseName, PROJECT, bad)
    const published = new Map(cases.map((each) => [each, documentOf(each)]))
    await stage.insert(...published.values())

    const unfinished = async (): Promise<string[]> => {
      const found = await stage.project().find({}, { enableUtf8Validation: false }).toArray()
      const byId = new Map(found.map((document) => [String(document._id), document]))
      return [...published].flatMap(([{ path, sites, fails = [] }, { _id }]) =>
        sites
          .filter((site) => !fails.includes(site) && site !== 'nas' && site !== 'elsewhere')
          .filter((site) => recordOf(byId.get(String(_id))?.files[0], site)?.['created_dt'] === undefined)
          .map((site) => `${path} at ${site}`),
      )
    }
    await waitFor('everything that can arrive', async () => (await unfinished()).length === 0, { withinMs: 60_000, seen: unfinished })
    // What can't arrive says why, and uses up its tries; no other site or file pays for it.
    await service.lines.until('transfer.exhausted', 5, { withinMs: 60_000 })
    for (const [{ path, fails = [] }, document] of published) {
      for (const site of fails) {
        const record = await stage.record(document, { site })
        expect([path, site, record?.['tries'], record?.['created_dt']]).toEqual([path, site, 3, undefined])
      }
    }
    const cooled = new Set(service.lines.of('site.cooling').map(({ site_sync: fields }) => fields?.site))
    expect([...cooled]).toEqual(['nas'])
    expect(await readdir(at('nas'))).toEqual([])
    expect(service.lines.of('site.skipped').map(({ site_sync: fields }) => fields?.site)).toEqual(['elsewhere'])
    expect(service.lines.count('record.unreadable')).toBe(1)
    const forNas = [...published].find(([{ path }]) => path === 'for-nas.exr')?.[1] as Representation
    expect(await stage.record(forNas, { site: 'nas' })).not.toHaveProperty('tries')

    // The share is back: it goes on by itself.
    await nas.mount()
    await stage.synced(forNas, { site: 'nas', withinMs: 60_000 })
    expect((await readdir(nas.server)).toSorted()).toEqual(['before.exr', 'for-nas.exr'])
    // Everything that is marked is there, to the byte.
    for (const [{ path, content, sites, fails = [] }] of published) {
      for (const site of sites.filter((name) => !fails.includes(name) && name !== 'elsewhere')) {
        expect([path, site, (await readFile(at(`${site}/${path}`))).equals(Buffer.from(content))]).toEqual([path, site, true])
      }
    }
    service.signal('SIGTERM')
    expect(await service.end()).toBe(0)
    expect(service.lines.unpaired()).toEqual([])
    expect(service.fault).toBeUndefined()
  },
  180_000,
)

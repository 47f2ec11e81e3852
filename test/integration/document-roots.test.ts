import { link, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { loadSettings } from '../../src/config/load-settings.ts'
import { filesBelow } from '../support/mirror-stage.ts'
import { entry, inArray, representation, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

/** A publish whose document says where its files are. */
async function published(stage: Stage, root: unknown, path: string): Promise<Representation> {
  const document = representation([entry(path, inArray('mirror'))], { context: { root } })
  await stage.insert(document)
  return document
}

test('a root that a document names: the disk, system folders and what holds the configuration are never read; productions are', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { sites: { studio: undefined } })
  const folder = join(stage.dir, 'productions')
  await mkdir(folder)
  await writeFile(join(folder, 'a.exr'), 'a')
  const good = await published(stage, { work: folder }, '{root[work]}/a.exr')
  const bad = await Promise.all(
    (
      [
        ['/', '{root}/etc/passwd'],
        [{ work: '/etc' }, '{root[work]}/passwd'],
        [stage.dir, '{root}/config/config.json'],
        [{ work: join(stage.dir, 'config') }, '{root[work]}/config.json'],
      ] as const
    ).map(async ([root, path]) => await published(stage, root, path)),
  )
  const service = new ServiceProcess(['run', '--config', config])
  await stage.synced(good, { site: 'mirror' })
  for (const document of bad) {
    const { error } = await stage.until(document, 'a try', ({ tries }) => tries === 1, { site: 'mirror' })
    expect(error).toMatch(/which the document names, is not used: .*"publish_roots"/)
  }
  expect(await filesBelow(join(stage.dir, 'mirror'))).toEqual(['a.exr'])
  expect(service.lines.of('site.warning').map(({ message }) => message)).toEqual([expect.stringContaining('publish_roots')])
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
})

test('a root that is a link, or lies behind one, is judged by where it leads', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { sites: { studio: undefined } })
  const [home, shows, links] = ['home', 'shows', 'links'].map((name) => join(stage.dir, name)) as [string, string, string]
  await mkdir(join(home, '.ssh'), { recursive: true })
  await Promise.all([mkdir(join(shows, 'a'), { recursive: true }), mkdir(links)])
  await Promise.all([writeFile(join(home, '.ssh', 'id'), 'key'), writeFile(join(shows, 'a', 'id'), 'frame')])
  const targets = { etc: '/etc', home, keys: join(home, '.ssh'), config: join(stage.dir, 'config'), all: '/', shows: join(shows, 'a') }
  await Promise.all(Object.entries(targets).map(async ([name, target]) => await symlink(target, join(links, name))))
  const good = await published(stage, { work: join(links, 'shows') }, '{root[work]}/id')
  const bad = await Promise.all(
    (
      [
        ['etc', 'passwd'],
        ['home', '.ssh/id'],
        ['keys', 'id'],
        ['config', 'config.json'],
        ['all', 'etc/passwd'],
        ['all/etc', 'passwd'],
      ] as const
    ).map(async ([root, path]) => await published(stage, { work: join(links, root) }, `{root[work]}/${path}`)),
  )
  const service = new ServiceProcess(['scan', '--once', '--config', config], { HOME: home })
  expect(await service.end()).toBe(1)
  await stage.synced(good, { site: 'mirror' })
  for (const document of bad)
    expect((await stage.record(document, { site: 'mirror' }))?.['error']).toMatch(
      / \(a link to ".*"\), which the document names, is not used/,
    )
  expect(await filesBelow(join(stage.dir, 'mirror'))).toEqual(['id'])
})

test('with publish_roots, a link out of them is refused, and folders of them that are links serve', async () => {
  const stage = await Stage.open()
  const [real, other, allowed] = ['real', 'other', 'allowed'].map((name) => join(stage.dir, name)) as [string, string, string]
  for (const folder of [real, other]) {
    await mkdir(join(folder, 'show'), { recursive: true })
    await writeFile(join(folder, 'show', 'a.exr'), 'a')
  }
  await symlink(real, allowed)
  await symlink(other, join(real, 'out'))
  const config = await writeConfig(stage, { sites: { studio: undefined }, general: { publish_roots: [allowed] } })
  const good = await published(stage, { work: join(allowed, 'show') }, '{root[work]}/a.exr')
  const bad = await published(stage, { work: join(allowed, 'out', 'show') }, '{root[work]}/a.exr')
  const service = new ServiceProcess(['scan', '--once', '--config', config])
  expect(await service.end()).toBe(1)
  await stage.synced(good, { site: 'mirror' })
  expect((await stage.record(bad, { site: 'mirror' }))?.['error']).toContain('it lies in none of "publish_roots"')
})

test('with publish_roots only what lies in them is read, and nothing is warned of', async () => {
  const stage = await Stage.open()
  const [allowed, other] = [join(stage.dir, 'allowed'), join(stage.dir, 'other')]
  for (const folder of [allowed, other]) {
    await mkdir(join(folder, 'show'), { recursive: true })
    await writeFile(join(folder, 'show', 'a.exr'), 'a')
  }
  const config = await writeConfig(stage, { sites: { studio: undefined }, general: { publish_roots: [allowed] } })
  const good = await published(stage, { work: join(allowed, 'show') }, '{root[work]}/a.exr')
  const bad = await published(stage, { work: join(other, 'show') }, '{root[work]}/a.exr')
  const service = new ServiceProcess(['scan', '--once', '--config', config])
  expect(await service.end()).toBe(1)
  await stage.synced(good, { site: 'mirror' })
  expect((await stage.record(bad, { site: 'mirror' }))?.['error']).toContain('it lies in none of "publish_roots"')
  expect(service.lines.count('site.warning')).toBe(0)
})

test('a configuration or credentials file is never sent, by whatever root or link, nor written over', async () => {
  const stage = await Stage.open()
  const credentials = join(stage.dir, 'key.json')
  await writeFile(credentials, '{}')
  const site = { provider: 'gdrive', credentials_url: credentials, root: { work: '/shared' } }
  const [studio, mirror] = [stage.dir, join(stage.dir, 'config')].map((root) => ({ provider: 'local_drive', root }))
  const config = await writeConfig(stage, { sites: { studio, mirror, drive: site } })
  await link(credentials, join(stage.dir, 'linked.json'))
  const sent = await Promise.all(
    ['config/config.json', 'key.json', 'linked.json'].map(async (path) => await published(stage, undefined, `{root}/${path}`)),
  )
  await writeFile(join(stage.dir, 'config.json'), 'of somebody else')
  const written = await published(stage, undefined, '{root}/config.json')
  const before = await readFile(config, 'utf8')
  const service = new ServiceProcess(['scan', '--once', '--config', config])
  expect(await service.end()).toBe(1)
  for (const document of [...sent, written])
    expect((await stage.record(document, { site: 'mirror' }))?.['error']).toContain('is a configuration or credentials file of Site Sync')
  expect(await readFile(config, 'utf8')).toBe(before)
  expect(await filesBelow(join(stage.dir, 'config'))).toEqual(['config.json'])
})

test('publish_roots are folders of this machine', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage, { general: { publish_roots: ['P:/projects', '~/shows', 'beside'] } })
  await expect(loadSettings(config, { HOME: '/home/sync' }, 'linux')).rejects.toThrow(/publish_roots\[0\] is "P:\/projects"/)
  const fine = await writeConfig(stage, { general: { publish_roots: ['~/shows', 'beside'] } })
  const { settings } = await loadSettings(fine, { HOME: '/home/sync' }, 'linux')
  expect(settings.documentRoots?.allowed).toEqual(['/home/sync/shows', join(stage.dir, 'config', 'beside')])
})

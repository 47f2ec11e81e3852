import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { nodeOptions } from '../../bench/support/node-options.ts'
import { stateDatabase } from '../../src/streams/state-database.ts'
import { ANOTHER_DISK } from '../support/another-disk.ts'
import { ascmhl, ASCMHL, HAS_ASCMHL } from '../support/ascmhl.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { environment, MAIN, ServiceProcess, writeConfig } from '../support/service-process.ts'

async function run(config: string, ...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const command = new ServiceProcess(['receipt', ...args, '--config', config])
  const code = await command.end()
  return { code, stdout: command.stdout, stderr: command.stderr }
}

const there = { name: 'mirror', created_dt: T0, id: 'x' }

/** Names as they come: the awkward ones too. */
const NAMES = [
  'plain.exr',
  'a & b <c> "d" \'e\'.exr',
  'new\nline\r\ttab.exr',
  ' spaces ',
  'é_e\u0301 🎬.exr',
  '#hash%20!.exr',
  'deep/er/[x].exr',
  'back\\slash',
] as const

async function delivered(names: readonly string[] = NAMES): Promise<{ stage: Stage; config: string; mirror: string }> {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const mirror = join(stage.dir, 'mirror')
  for (const name of names) await stage.file(name)
  await cp(stage.studioPath(''), mirror, { recursive: true })
  await stage.insert(representation(names.map((name) => entry(`{root[work]}/${name}`, inArray(there)))))
  return { stage, config, mirror }
}

test('a receipt is written to the site, told and kept; a plan writes nothing; both are one JSON value', { timeout: 120_000 }, async () => {
  const { stage, config, mirror } = await delivered()
  const plan = await run(config, 'mirror', '--all', '--dry-run', '--json')
  expect([plan.code, plan.stderr]).toEqual([0, ''])
  const receipt = {
    root: mirror,
    manifest: expect.stringMatching(/\/mirror\/ascmhl\/0001_mirror_.*Z\.mhl$/) as string,
    generation: 1,
    files: NAMES.length,
    bytes: NAMES.reduce((sum, name) => sum + Buffer.byteLength(name), 0),
  }
  const rest = { refused: [], site: 'mirror', records: NAMES.length, representations: 1, not_verified: 0, partial: false }
  expect(JSON.parse(plan.stdout)).toEqual({ ...rest, receipts: [receipt], dry_run: true })
  expect(await readdir(mirror)).not.toContain('ascmhl')
  expect(await stage.state.collection('audit').countDocuments()).toBe(0)

  const done = await run(config, 'mirror', '--project', 'prj', '--json')
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('controls.changed')])
  const c4 = expect.stringMatching(/^c4.{88}$/) as string
  expect(JSON.parse(done.stdout)).toEqual({ ...rest, receipts: [{ ...receipt, c4 }], dry_run: false })
  expect(await stage.state.collection('audit').find().toArray()).toMatchObject([
    {
      who: expect.stringContaining('@') as string,
      action: 'receipt',
      selection: { site: 'mirror', project: 'prj' },
      records: NAMES.length,
      representations: 1,
    },
  ])
  const said = await run(config, 'mirror', '--asset', 'hero', '--out', join(stage.dir, 'aside'))
  expect([said.code, said.stderr]).toEqual([0, ''])
  expect(said.stdout).toMatch(/^8 files, \d+ B: generation 1 is .*\/aside\/ascmhl\/0001_mirror_.*Z\.mhl\n$/)
  expect(await stage.state.collection('audit').countDocuments()).toBe(1)
})

test('what is not verified is named, with exit 1; nothing selected, or an unknown site, is 2', { timeout: 120_000 }, async () => {
  const { config, mirror } = await delivered(['one', 'two'])
  await rm(join(mirror, 'two'))
  const refused = await run(config, 'mirror', '--all')
  expect(refused).toEqual({
    code: 1,
    stdout:
      'prj: {root[work]}/two: it is not there, although its record says so\n' +
      '1 of 2 files are not verified at mirror: nothing was written; --partial writes a receipt of the others.\n',
    stderr: '',
  })
  expect(await readdir(mirror)).toEqual(['one'])
  const partial = await run(config, 'mirror', '--all', '--partial', '--json')
  expect(partial.code).toBe(1)
  expect(JSON.parse(partial.stdout)).toMatchObject({
    refused: [{ project: 'prj', path: '{root[work]}/two', why: 'it is not there, although its record says so' }],
    receipts: [{ files: 1 }],
    records: 2,
    not_verified: 1,
    partial: true,
  })
  const wrong = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run(config, ...args)
    expect([code, stdout]).toEqual([2, ''])
    return stderr
  }
  expect(await wrong('mirror')).toContain('nothing is selected')
  expect(await wrong('miror', '--all')).toContain('did you mean "mirror"?')
  expect(await wrong('mirror', '--all', '--site', 'studio')).toContain('leave "--site" away')
  const nothing = await run(config, 'mirror', '--asset', 'nobody')
  expect([nothing.code, nothing.stdout]).toEqual([
    0,
    'Nothing of the selection has a record of mirror: there is nothing to write a receipt of.\n',
  ])
})

test('a root that is another disk than it was has no files that are missing: it is the site that is in trouble', async () => {
  const { stage, config, mirror } = await delivered(['one', 'two'])
  await rm(join(mirror, 'two'))
  await stateDatabase(stage.state).saveRoot(mirror, ANOTHER_DISK)
  const { code, stdout, stderr } = await run(config, 'mirror', '--all', '--partial')
  expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('server:/share')])
})

describe.skipIf(!HAS_ASCMHL)('the reference implementation', () => {
  test('accepts it, and finds what was changed, removed, added, and a manifest that is not what it was', { timeout: 120_000 }, async () => {
    const { stage, config, mirror } = await delivered()
    // What the service keeps at a root of its own is no delivery.
    await writeFile(join(mirror, '.site-sync-0123456789abcdef.part'), 'x')
    expect((await run(config, 'mirror', '--all')).code).toBe(0)
    await mkdir(join(mirror, 'late'))
    for (const folder of [join(mirror, 'late'), stage.studioPath('late')]) {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'one.exr'), 'late')
    }
    await stage.insert(representation([entry('{root[work]}/late/one.exr', inArray(there))]))
    expect((await ascmhl('verify', mirror)).code).toBe(ASCMHL.added)
    expect((await run(config, 'mirror', '--all')).code).toBe(0)

    // Two generations, the second by the first.
    expect(await ascmhl('verify', mirror)).toEqual({ code: ASCMHL.fine, text: '' })
    expect(await ascmhl('diff', mirror)).toEqual({ code: ASCMHL.fine, text: '' })
    expect((await ascmhl('info', mirror)).text.match(/Generation \d/g)).toEqual(['Generation 1', 'Generation 2'])
    const one = await ascmhl('info', '-sf', join(mirror, NAMES[1]), mirror)
    expect(one.text).toMatch(/Generation 1 .* c4: (c4\w{88}) \(original\)\n.*Generation 2 .* c4: \1 \(verified\)/)

    const copy = join(stage.dir, 'copy')
    const after = async (spoil: () => Promise<unknown>, command = 'verify') => {
      await rm(copy, { recursive: true, force: true })
      await cp(mirror, copy, { recursive: true })
      await spoil()
      const { code, text } = await ascmhl(command, copy)
      return [code, text]
    }
    const name = NAMES[6]
    expect(await after(async () => appendFile(join(copy, name), '!'))).toEqual([
      ASCMHL.changed,
      expect.stringContaining(`hash mismatch        for ${name}`),
    ])
    for (const command of ['verify', 'diff']) {
      expect(await after(async () => rm(join(copy, name)), command)).toEqual([ASCMHL.missing, expect.stringContaining(name)])
      expect(await after(async () => writeFile(join(copy, 'deep/new'), ''), command)).toEqual([
        ASCMHL.added,
        expect.stringContaining('found new file deep/new'),
      ])
    }
    const [manifest = ''] = await readdir(join(mirror, 'ascmhl'))
    expect(await after(async () => appendFile(join(copy, 'ascmhl', manifest), '\n'))).toEqual([
      ASCMHL.manifestChanged,
      expect.stringContaining(manifest),
    ])
    // Nor does the command go on with such a history.
    await appendFile(join(mirror, 'ascmhl', manifest), '\n')
    const spoilt = await run(config, 'mirror', '--all')
    expect([spoilt.code, spoilt.stderr]).toEqual([1, expect.stringContaining('it was changed since it was written')])
  })

  test('of a receipt beside the files is told where they are', async () => {
    const { stage, config, mirror } = await delivered()
    const out = join(stage.dir, 'out')
    expect((await run(config, 'mirror', '--all', '--out', out)).code).toBe(0)
    const [manifest = ''] = await readdir(join(out, 'ascmhl'))
    expect(await ascmhl('verify', '-pl', join(out, 'ascmhl', manifest), mirror)).toEqual({ code: ASCMHL.fine, text: '' })
  })
})

/** Says at its end how many bytes of objects the program held at most, garbage left out. */
const TELL = `
  let peak = 0
  const look = () => {
    const began = performance.now()
    globalThis.gc()
    peak = Math.max(peak, process.memoryUsage().heapUsed)
    setTimeout(look, Math.max(100, 9 * (performance.now() - began))).unref()
  }
  look()
  process.on('exit', () => process.stderr.write('peak ' + peak))`

async function peakOf(config: string): Promise<number> {
  const tell = `data:text/javascript,${encodeURIComponent(TELL)}`
  const args = [...nodeOptions(), '--expose-gc', '--import', tell, MAIN, 'receipt', 'mirror', '--all', '--config', config]
  const child = spawn(process.execPath, args, { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number]
  expect([code, stderr]).toEqual([0, expect.stringMatching(/peak \d+$/)])
  return Number(/peak (\d+)$/.exec(stderr)?.[1])
}

test('ten times as many files need no more memory', { timeout: 600_000 }, async () => {
  const peaks: number[] = []
  for (const count of [1_000, 10_000]) {
    const stage = await Stage.open()
    const config = await writeConfig(stage)
    const mirror = join(stage.dir, 'mirror')
    const names = Array.from({ length: count }, (_, index) => `${'folder/'.repeat(10)}${Math.floor(index / 500)}/frame.${index}.exr`)
    for (const folder of new Set(names.map((name) => name.slice(0, name.lastIndexOf('/'))))) {
      await mkdir(join(mirror, folder), { recursive: true })
      await mkdir(stage.studioPath(folder), { recursive: true })
    }
    for (let at = 0; at < count; at += 200) {
      const some = names.slice(at, at + 200)
      await Promise.all(some.flatMap((name) => [writeFile(join(mirror, name), name), writeFile(stage.studioPath(name), name)]))
      await stage.insert(representation(some.map((name) => entry(`{root[work]}/${name}`, inArray(there)))))
    }
    peaks.push(await peakOf(config))
    const [manifest = ''] = await readdir(join(mirror, 'ascmhl'))
    expect(manifest).toMatch(/^0001_/)
  }
  const [small = 0, large = 0] = peaks
  expect(large - small).toBeLessThan(MAX_MORE)
})

/** Bytes. Less than 1 MiB was seen; a list of the paths alone would be more. */
const MAX_MORE = 2 * 1024 ** 2

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, onTestFinished, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { openByteSource } from '../../../src/providers/byte-source.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import { stateOf } from '../../support/outside.ts'
import { siteOf } from '../../support/model-samples.ts'
import { permitOf } from '../../support/permits.ts'

const SWAPPER = fileURLToPath(new URL('../../support/link-swapper.ts', import.meta.url))
/** `SITE_SYNC_TEST_SWAP_SECONDS=60` goes on for a minute; otherwise it ends when enough was done. */
const SECONDS = Number(process.env['SITE_SYNC_TEST_SWAP_SECONDS'] ?? 0)
const ENOUGH = { written: 100, read: 100, refused: 50, swaps: 5_000 }

const SECRET = Buffer.from('nobody but its owner reads this.')
const PLAIN = Buffer.alloc(SECRET.length, 'p')
/** Files of up to 1 MiB are copied in one go, larger ones piece by piece. */
const TIMES = { 'a.exr': 1, 'b.exr': 1000, 'c.mov': 50_000 }
const FOLDERS = ['studio/sh010', 'studio/sh010/deep', 'nas/sh010', 'nas/sh010/deep']
const NAMES = Object.keys(TIMES)
const PATHS = ['sh010', 'sh010/deep'].flatMap((folder) => NAMES.map((name) => `${folder}/${name}`))
/** What others do in a folder may fail a file, and must be told as that. */
const TOLD = ['BAD_PATH', 'INTERRUPTED', 'SOURCE_MISSING', 'SOURCE_CHANGED', 'NOT_A_FILE', 'TARGET_CONFLICT', 'VERIFY_FAILED']

async function filled(root: string, content: Buffer, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    await mkdir(join(root, folder), { recursive: true })
    for (const [name, times] of Object.entries(TIMES))
      await writeFile(join(root, folder, name), Buffer.alloc(content.length * times, content))
  }
}

test(
  'while another process swaps folders, files and temporary files for links, no byte outside the root is read, written or changed',
  async () => {
    const base = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-links-')))
    const [root, outside] = [join(base, 'root'), join(base, 'outside')]
    await filled(root, PLAIN, FOLDERS)
    await filled(outside, SECRET, FOLDERS)
    await writeFile(join(outside, 'victim'), SECRET, { mode: 0o600 })
    const before = await stateOf(outside)

    const swapper = fork(SWAPPER, [root, outside, ...FOLDERS, ...FOLDERS.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`))])
    const ended = once(swapper, 'exit')
    onTestFinished(async () => {
      swapper.kill('SIGKILL')
      await ended
      await rm(base, { recursive: true })
    })
    let leaked = 0
    const told = new Set<string>()
    const done = { written: 0, read: 0, refused: 0, swaps: 0 }
    swapper.on('message', (swaps) => (done.swaps = Number(swaps)))

    const { signal } = new AbortController()
    const [studio, nas] = ['studio', 'nas'].map(
      (name) =>
        new LocalDrive(siteOf(name, { provider: 'local_drive', root: join(root, name), folderMode: 0o755 }), { mayCreateRoot: false }),
    ) as [LocalDrive, LocalDrive]
    const [from, to] = [join(root, 'studio'), join(root, 'nas')]
    const options = { signal, permit: permitOf(), onProgress: () => {} }
    const writeOne = async (path: string, at: number): Promise<void> => {
      const source = await openByteSource(studio, { root: from, path }, { signal, checksumAlgorithm: 'sha256' })
      const target = at % 3 === 0 ? path.replace(/([^/]+)$/, `new-${at}/$1`) : path
      await nas.write({ root: to, path: target }, source, options)
      done.written++
    }
    const readOne = async (path: string, at: number): Promise<void> => {
      for await (const chunk of await nas.read({ root: to, path }, options)) leaked += Number((chunk as Buffer).includes(SECRET))
      done.read++
      if (at % 5 === 0) await nas.remove({ root: to, path }, options)
      for await (const { id } of nas.list({ root: to, path: 'sh010/deep' }, options)) leaked += Number(id.includes('..'))
    }

    const started = performance.now()
    const isEnough = (): boolean =>
      performance.now() - started >= SECONDS * 1_000 &&
      Object.entries(ENOUGH).every(([what, least]) => done[what as keyof typeof done] >= least)
    const work = async (one: typeof writeOne, worker: number): Promise<void> => {
      for (let at = worker; !isEnough(); at += 10) {
        try {
          await one(PATHS[at % PATHS.length] ?? '', at)
        } catch (error) {
          if (!(error instanceof SyncError)) throw error
          done.refused++
          told.add(error.code)
        }
      }
    }
    await Promise.all([0, 1, 2, 3].flatMap((worker) => [work(writeOne, worker), work(readOne, worker)]))
    swapper.disconnect()
    await ended

    expect(leaked).toBe(0)
    expect(await stateOf(outside)).toEqual(before)
    expect(TOLD).toEqual(expect.arrayContaining([...told]))
    const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    const contents = await Promise.all(files.map(async ({ parentPath, name }) => await readFile(join(parentPath, name))))
    expect(contents.filter((content) => content.includes(SECRET))).toEqual([])
  },
  (SECONDS + 120) * 1_000,
)

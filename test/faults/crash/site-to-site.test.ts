import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked } from '../../support/pending-files.ts'
import { entry, representation, T0 } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'

const MIB = 1024 * 1024
const SIZE = 24 * MIB
/** On disk it is noted every two seconds how far a copy is. */
const BYTES_PER_SECOND = 5 * MIB

async function configOf(stage: Stage, drive: DriveProcess, target: string): Promise<string> {
  const { uri, database, stateDatabase } = stage.settings.mongo
  const config = {
    publish_site: 'studio',
    remote_site: target,
    loop_delay: 3_600,
    lease_seconds: 3,
    mongo: { uri, database, state_database: stateDatabase },
    sites: {
      studio: { provider: 'local_drive', root: { work: stage.studioPath('') } },
      nas: { provider: 'local_drive', root: { work: join(stage.dir, 'nas') } },
      gdrive: drive.site(),
    },
  }
  const file = join(stage.dir, `${target}.json`)
  await writeFile(file, JSON.stringify(config))
  return file
}

/** Kills an instance when it has given the target so much of the file, has another one end it, and gives where that one began to read. */
async function killAndResume(config: string, path: string): Promise<{ readonly next: InstanceProcess; readonly from: () => number }> {
  const plan = { bytesPerSecond: BYTES_PER_SECOND, crash: { at: 'mid-upload', action: 'kill', bytes: SIZE * 0.75, path } } as const
  const victim = new InstanceProcess(config, { plan })
  expect(await victim.ended(60_000)).toBe('SIGKILL')
  const next = await InstanceProcess.start(config)
  return { next, from: () => Math.min(...next.opened.filter((opened) => opened.path === path).map(({ fromByte }) => fromByte)) }
}

test(
  'from Drive to a disk and back, killed in the middle each way: another process goes on at both ends',
  { timeout: 180_000 },
  async () => {
    const stage = await Stage.open()
    const drive = await DriveProcess.start()
    const nas = join(stage.dir, 'nas')
    for (const folder of [stage.studioPath(''), nas]) await mkdir(folder, { recursive: true })
    const content = randomBytes(SIZE)

    // To Drive, from a site that is not the publish site.
    await writeFile(join(nas, 'there.mov'), content)
    const there = representation([entry('{root[work]}/there.mov', { studio: { paused: true }, nas: { created_dt: T0 }, gdrive: {} })])
    await stage.insert(there)
    const toDrive = await killAndResume(await configOf(stage, drive, 'gdrive'), 'there.mov')
    await expectMarked(stage, [there], 'gdrive', 60_000)
    expect(toDrive.from()).toBeGreaterThan(SIZE * 0.5)
    const sent = await drive.state()
    expect(sent.files.map(({ path, size }) => ({ path, size }))).toEqual([{ path: 'My Drive/w/there.mov', size: SIZE }])
    expect(sent.journal.filter(({ operation }) => operation === 'upload.start')).toHaveLength(1)
    await toDrive.next.stop()

    // And from there to the disk, under the same name: its copy is lost.
    await writeFile(join(nas, 'there.mov'), 'lost')
    const id = { created_dt: T0 }
    await stage.project().updateOne({ _id: there._id }, { $set: { 'files.0.sites': { studio: { paused: true }, gdrive: id, nas: {} } } })
    const toDisk = await killAndResume(await configOf(stage, drive, 'nas'), 'there.mov')
    await expectMarked(stage, [there], 'nas', 60_000)
    expect(toDisk.from()).toBeGreaterThan(SIZE * 0.25)
    expect((await readFile(join(nas, 'there.mov'))).equals(content)).toBe(true)
    expect(await readdir(nas)).toEqual(['there.mov'])
    await toDisk.next.stop()
  },
)

import { copyFile, link, mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked } from '../../support/pending-files.ts'
import { entry, inObject, representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const MEBIBYTE = 1024 * 1024
/** `SITE_SYNC_TEST_LARGE_MIB=5120` takes some minutes. The source is sparse, and the fake Drive keeps checksums only. */
const SIZE = Number(process.env['SITE_SYNC_TEST_LARGE_MIB'] ?? 320) * MEBIBYTE
const PATIENCE_MS = 45_000 + SIZE / 10_000

test(
  'a large upload is killed at 60 %: another machine, with only the database and the storage in common, sends less than 10 % again',
  async () => {
    const stage = await Stage.open()
    const drive = await DriveProcess.start()
    await mkdir(stage.studioPath(''), { recursive: true })
    const source = await open(stage.studioPath('large.mov'), 'w')
    await source.truncate(SIZE)
    await source.write('head', 0)
    await source.write('tail', SIZE - 4)
    await source.close()
    const document = representation([entry('{root[work]}/large.mov', inObject({ gdrive: {} }))])
    await stage.insert(document)

    const victim = new InstanceProcess(await machine(stage, drive, 'one'), {
      plan: { crash: { at: 'mid-upload', action: 'kill', bytes: SIZE * 0.6 } },
      cwd: join(stage.dir, 'one'),
      home: join(stage.dir, 'one'),
    })
    expect(await victim.ended(PATIENCE_MS)).toBe('SIGKILL')
    const sentAtFirst = await sentBytes(drive)
    expect(sentAtFirst).toBeGreaterThan(SIZE * 0.5)
    expect(sentAtFirst).toBeLessThan(SIZE * 0.65)

    const other = join(stage.dir, 'two')
    const next = await InstanceProcess.start(await machine(stage, drive, 'two'), { cwd: other, home: other })
    await expectMarked(stage, [document], 'gdrive', PATIENCE_MS)
    const again = (await sentBytes(drive)) - SIZE
    expect(again).toBeGreaterThanOrEqual(0)
    expect(again).toBeLessThan(SIZE * 0.1)
    const { files, journal } = await drive.state()
    expect(files.map(({ path, size, revisions }) => ({ path, size, revisions }))).toEqual([
      { path: 'My Drive/w/large.mov', size: SIZE, revisions: 1 },
    ])
    expect(journal.filter(({ operation }) => operation === 'upload.start')).toHaveLength(1)
    await next.stop()
    expect(next.lines.count('transfer.succeeded')).toBe(1)
  },
  PATIENCE_MS * 2,
)

/** Its own folder, its own copy of the key and the configuration, and the publishes mounted elsewhere. */
async function machine(stage: Stage, drive: DriveProcess, name: string): Promise<string> {
  const home = join(stage.dir, name)
  await mkdir(join(home, 'mount'), { recursive: true })
  await copyFile(drive.credentials, join(home, 'key.json'))
  await link(stage.studioPath('large.mov'), join(home, 'mount', 'large.mov'))
  const { uri, database, stateDatabase } = stage.settings.mongo
  const config = {
    publish_site: 'studio',
    remote_site: 'gdrive',
    loop_delay: 3_600,
    lease_seconds: 3,
    mongo: { uri, database, state_database: stateDatabase },
    sites: {
      studio: { provider: 'local_drive', root: { work: join(home, 'mount') } },
      gdrive: drive.site({ credentials_url: 'key.json' }),
    },
  }
  await writeFile(join(home, 'config.json'), JSON.stringify(config))
  return join(home, 'config.json')
}

/** Bytes of content that have reached Drive; what it was asked or told besides does not count. */
async function sentBytes(drive: DriveProcess): Promise<number> {
  const sum = async (): Promise<number> => {
    const { journal } = await drive.state()
    return journal.filter(({ operation }) => operation === 'upload.chunk').reduce((bytes, { requestBytes }) => bytes + requestBytes, 0)
  }
  // What a killed process had sent may still be on its way.
  let before = -1
  return await waitFor('the end of what is on its way', async () => {
    const now = await sum()
    const isSettled = now === before
    before = now
    return isSettled && now
  })
}

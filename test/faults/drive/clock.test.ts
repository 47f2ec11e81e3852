import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { expect, test } from 'vitest'

import { expectExact, openDriveStage, sequence } from '../../support/drive-stage.ts'
import { recordOf } from '../../support/published.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

/** As long as the file is there, the process believes that it is two hours later. */
const wrongClock = (file: string): string => `
import { existsSync } from 'node:fs'
let shift = 0
const look = () => { shift = existsSync(${JSON.stringify(file)}) ? 7_200_000 : 0 }
look()
setInterval(look, 20).unref()
const Real = Date
globalThis.Date = class Date extends Real {
  constructor(...parts) { if (parts.length === 0) super(Real.now() + shift); else super(...parts) }
  static now() { return Real.now() + shift }
}
`

test('a clock that is two hours wrong: Google accepts no statement; the reason names the clock, no try is spent, other sites go on; set right, all arrives', async () => {
  const all = await openDriveStage()
  const { stage, drive } = all
  const files = await sequence(stage, { 'sh010/a.exr': 10, 'sh010/b.exr': 200_000, 'sh020/c.exr': 0 }, ['gdrive', 'mirror'])
  await stage.insert(files.document)
  const wrong = join(stage.dir, 'wrong')
  const preload = join(stage.dir, 'preload.mjs')
  await writeFile(wrong, '')
  await writeFile(preload, wrongClock(wrong))
  const { credentialsFile } = stage.settings.sites.get('gdrive') ?? {}
  const gdrive = { provider: 'gdrive', root: { work: '/My Drive/w' }, credentials_url: credentialsFile, api_endpoint: drive.endpoint }
  const config = await writeConfig(stage, { sites: { gdrive } })
  const service = new ServiceProcess(['run', '--config', config], { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` })
  const cooling = await service.lines.until('site.cooling', 1, { withinMs: 20_000 })
  expect(cooling).toMatchObject({ error: { code: 'CREDENTIALS', message: expect.stringContaining('clock') as string } })
  for (const file of files.document.files.keys()) await stage.synced(files.document, { site: 'mirror', file })
  const told = async (): Promise<boolean> =>
    (await stage.read(files.document))?.files.some((file) => recordOf(file, 'gdrive')?.['error']) === true
  await waitFor('the reason', told)
  const now = await stage.read(files.document)
  for (const record of now?.files.map((file) => recordOf(file, 'gdrive')) ?? []) {
    const clockIsBlamed = expect.stringContaining('clock of this machine') as string
    expect(record).toEqual({ name: 'gdrive', ...(record?.['error'] !== undefined && { error: clockIsBlamed }) })
  }
  expect(drive.tokensIssued).toBe(0)
  await rm(wrong)
  await expectExact(all, [files])
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect(service.fault).toBeUndefined()
}, 60_000)

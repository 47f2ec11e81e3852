import { expect, test } from 'vitest'

import { driveService, expectExact, openDriveStage, sequence } from '../../support/drive-stage.ts'

test('the account is a member of a folder, but not of the shared drive around it: everything arrives, and no try is spent', async () => {
  const all = await openDriveStage({ root: '/My Drive/publish' })
  const { stage, drive } = all
  drive.share(drive.addFolder('publish', { parent: drive.addSharedDrive('Show', null) }))
  const six = await sequence(stage, {
    'sh010/v1/a.1001.exr': 1_000,
    'sh010/v1/a.1002.exr': 0,
    'sh010/v1/a.1003.exr': 500_000,
    'sh010/v2/b.1001.exr': 99_999,
    'sh020/v1/c.1001.exr': 1,
    'sh020/v1/c.1002.exr': 500_000,
  })
  const running = await stage.start(driveService(stage))
  await stage.insert(six.document)
  await expectExact(all, [six], 'Show/publish')
  expect(running.lines.count('transfer.failed', 'site.cooling')).toBe(0)
  await running.stop()
})

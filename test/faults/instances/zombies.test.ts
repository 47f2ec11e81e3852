import { expect, test } from 'vitest'

import type { CrashPlan } from '../../support/crash-point.ts'
import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, filesBelow, publishFiles } from '../../support/pending-files.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const LEASE_SECONDS = 3
const SITES = ['mirror', 'gdrive']
const ENDS = ['transfer.succeeded', 'transfer.failed', 'transfer.dropped', 'transfer.released'] as const

async function open() {
  const stage = await Stage.open()
  const drive = await DriveProcess.start()
  // The next regular scan comes after the test: nothing here may wait for it.
  const general = { remote_site: 'gdrive', lease_seconds: LEASE_SECONDS, loop_delay: 3_600 }
  return { stage, drive, config: await writeConfig(stage, { general, sites: { gdrive: drive.site() } }) }
}

/** Why its scans came; when one for a takeover does is a matter of `test/pipeline/scan-plan.test.ts`, by a clock of its own. */
const reasonsOf = ({ lines }: InstanceProcess) => lines.of('scan.finished').map(({ site_sync: fields }) => fields?.['reason'])

const ABORTED = 'its lease could not be renewed'
const FENCED = 'its lease ended before the result was written'

test.each<[string, CrashPlan, readonly string[]]>([
  ['before its upload', { at: 'before-upload', action: 'hold' }, [ABORTED]],
  ['in the middle of its upload', { at: 'mid-upload', action: 'hold' }, [ABORTED]],
  // Its own clock or the fence of the server: whichever comes first when it wakes up.
  ['before its write-back', { at: 'before-write-back', action: 'hold' }, [ABORTED, FENCED]],
])(
  'an instance frozen %s past its leases, while another finishes, changes nothing when it wakes up',
  async (_when, crash, reasons) => {
    const { stage, drive, config } = await open()
    const zombie = await InstanceProcess.start(config, { plan: { crash } })
    const documents = await publishFiles(stage, 'frozen', 2, { sites: SITES })
    await zombie.at(4)
    // Bytes may flow before that.
    await zombie.lines.until('transfer.started', 4)
    zombie.freeze()
    const heir = await InstanceProcess.start(config)
    for (const site of SITES) await expectMarked(stage, documents, site)
    await waitFor(
      'the heir to give back its leases',
      async () => (await stage.state.collection('leases').countDocuments({ owner: { $exists: true } })) === 0,
    )
    // It may have found a file again before that was marked, and claim its place once more.
    await heir.stop()
    const before = {
      documents: await Promise.all(documents.map(async (document) => await stage.raw(document))),
      leases: await stage.state.collection('leases').find().sort({ _id: 1 }).toArray(),
      files: (await drive.state()).files,
      mirror: await filesBelow(`${stage.dir}/mirror`),
    }
    expect(before.files).toHaveLength(2)
    expect(before.mirror).toHaveLength(2)

    // It may go on the moment it wakes up.
    zombie.go()
    zombie.thaw()
    await waitFor('the end of its attempts', () => zombie.lines.count(...ENDS) === 4, { seen: () => zombie.lines.summary() })
    const released = zombie.lines.of('transfer.released').map(({ message }) => message)
    expect(released).toHaveLength(4)
    for (const reason of released) expect(reasons).toContain(reason)
    const after = {
      documents: await Promise.all(documents.map(async (document) => await stage.raw(document))),
      leases: await stage.state.collection('leases').find().sort({ _id: 1 }).toArray(),
      files: (await drive.state()).files,
      mirror: await filesBelow(`${stage.dir}/mirror`),
    }
    expect(after).toEqual(before)
    await zombie.stop()
    expect(heir.lines.count('transfer.succeeded')).toBe(4)
    expect(heir.lines.count('transfer.failed')).toBe(0)
  },
  60_000,
)

test('an instance is killed: another takes its work over when its leases end, by a scan of its own for them', async () => {
  const { stage, drive, config } = await open()
  const victim = await InstanceProcess.start(config, { plan: { crash: { at: 'mid-upload', action: 'hold' } } })
  const fresh = await publishFiles(stage, 'fresh', 2, { sites: SITES })
  await victim.at(4)
  const heir = await InstanceProcess.start(config)
  await victim.kill()
  for (const site of SITES) await expectMarked(stage, fresh, site)
  expect(reasonsOf(heir)).toContain('takeover')
  expect(reasonsOf(heir)).not.toContain('interval')
  expect((await drive.state()).files).toHaveLength(2)
  expect(await filesBelow(`${stage.dir}/mirror`)).toHaveLength(2)
  await heir.stop()
  expect(heir.lines.count('transfer.succeeded')).toBe(4)
}, 60_000)

test('what had failed before and is with an instance that is killed is taken over as soon, not with the next regular scan', async () => {
  const { stage, config } = await open()
  const record = { tries: 1, error: 'before', last_failed_dt: new Date(0) }
  const documents = await publishFiles(stage, 'failed', 2, { sites: ['mirror'], record })
  const victim = await InstanceProcess.start(config, { plan: { crash: { at: 'before-upload', action: 'hold' } } })
  await victim.at(2)
  const heir = await InstanceProcess.start(config)
  await heir.lines.until('scan.finished')
  await victim.kill()
  await expectMarked(stage, documents, 'mirror')
  expect(reasonsOf(heir)).toContain('takeover')
  expect(reasonsOf(heir)).not.toContain('interval')
  await heir.stop()
}, 60_000)

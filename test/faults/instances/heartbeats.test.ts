import { expect, test } from 'vitest'

import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { entry, inArray, representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

const SIZE = 60 * 1024 * 1024

interface Lease {
  readonly _id: string
  readonly owner: string
  readonly until: Date
  readonly progress?: { readonly bytes: number; readonly size: number }
}

test('a long upload: its lease is renewed and tells how far it is; every instance tells how it is, and is forgotten at its end', async () => {
  const stage = await Stage.open()
  const drive = await DriveProcess.start()
  const config = await writeConfig(stage, { general: { remote_site: 'mirror', lease_seconds: 2 }, sites: { gdrive: drive.site() } })
  const plan = { bytesPerSecond: SIZE / 6 }
  const instances = await Promise.all([InstanceProcess.start(config, { plan }), InstanceProcess.start(config, { plan })])
  await stage.file('long.mov', Buffer.alloc(SIZE, 'long'))
  const document = representation([entry('{root[work]}/long.mov', inArray('mirror', 'gdrive'))])
  await stage.insert(document)
  const seen = new Map<string, { ends: Set<number>; bytes: Set<number>; owners: Set<string> }>()
  const reports = new Set<string>()
  await waitFor(
    'both uploads',
    async () => {
      for (const { _id, owner, until, progress } of await stage.state
        .collection<Lease>('leases')
        .find({ owner: { $exists: true } })
        .toArray()) {
        const of = seen.get(_id) ?? { ends: new Set(), bytes: new Set(), owners: new Set() }
        seen.set(_id, of)
        // A lease that was taken with others has none before it is renewed.
        if ((until as Date | undefined) !== undefined) of.ends.add(until.getTime())
        of.owners.add(owner)
        if (progress === undefined || progress.size === 0) continue
        expect(progress.size).toBe(SIZE)
        of.bytes.add(progress.bytes)
      }
      for (const { _id, sites } of await stage.state
        .collection<{ _id: string; sites: { running: number }[] }>('instances')
        .find()
        .toArray())
        if (sites.length === 3) reports.add(_id)
      const records = [await stage.record(document, { site: 'mirror' }), await stage.record(document, { site: 'gdrive' })]
      return records.every((record) => record?.['created_dt'] !== undefined)
    },
    { withinMs: 40_000 },
  )
  expect(seen.size).toBe(2)
  for (const { ends, bytes, owners } of seen.values()) {
    expect(owners.size).toBe(1)
    expect(reports).toContain([...owners][0])
    expect(ends.size).toBeGreaterThanOrEqual(4)
    const told = [...bytes]
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    expect(told.filter((one) => one > 0 && one <= SIZE).length).toBeGreaterThanOrEqual(2)
  }
  expect(reports.size).toBe(2)
  for (const instance of instances) await instance.stop()
  expect(await stage.state.collection('instances').countDocuments()).toBe(0)
  expect((await drive.state()).files).toHaveLength(1)
}, 60_000)

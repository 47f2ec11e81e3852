import { expect, test } from 'vitest'

import { addressOf, ask, HTTP } from '../support/http-client.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const QUIET = { loopDelaySeconds: 3_600 }
const NOBODY = /; neither this configuration \("serve"\) nor a running instance serves the site: nothing is sent there$/

interface Explained {
  readonly site: string
  readonly state: string
  readonly reason: string
  readonly command?: string
}

test(
  'explain over HTTP: of a site that the asked instance does not serve it says who does, or that nobody does',
  { timeout: 60_000 },
  async () => {
    const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { ...QUIET, http: HTTP } })
    const asked = await stage.start({ settings: { ...stage.settings, serve: ['nas'] } })
    const address = await addressOf(asked)
    const document = representation([
      entry('{root[work]}/a.ma', inArray({ name: 'gdrive', paused: true })),
      entry('{root[work]}/b.ma', inArray({ name: 'gdrive', tries: 3, error: 'the quota is used up' })),
    ])
    await stage.insert(document)
    const explain = async () => {
      const { body } = await ask(address, `/api/v1/representations/${PROJECT}/${document._id.toString()}`)
      return (body['files'] as readonly Explained[]).filter(({ site }) => site === 'gdrive')
    }
    const [paused, exhausted] = await explain()
    expect([paused?.state, exhausted?.state]).toEqual(['paused', 'exhausted'])
    expect(paused?.command).toMatch(/^site-sync resume/)
    expect(exhausted?.reason).toContain('the quota is used up')
    for (const each of [paused, exhausted]) expect(each?.reason).toMatch(NOBODY)

    const worker = await stage.start({ settings: { ...stage.settings, serve: ['*'], http: undefined as never } })
    const { id } = worker.service
    await waitFor('the worker to be named', async () =>
      (await explain())[0]?.reason.endsWith(`does not serve the site ("serve"), ${id} does`),
    )
    await worker.stop()
    await waitFor('the worker to be gone', async () => NOBODY.test((await explain())[0]?.reason ?? ''))
    await asked.stop()
  },
)

test('explain: of what is pending it says when nobody runs who would send it', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('mirror'))])
  await stage.insert(document)
  const explain = new ServiceProcess(['explain', '--config', config, document._id.toString()])
  expect(await explain.end()).toBe(0)
  expect(explain.stdout).toMatch(/mirror: pending: .*; no running instance serves the site\n/)
})

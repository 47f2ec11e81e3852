import { describe, expect, test } from 'vitest'

import { HAS_BROWSER } from '../support/browser.ts'
import { addressOf, ask, HTTP, newToken } from '../support/http-client.ts'
import { entry, inArray, inObject, representation, T0 } from '../support/published.ts'
import { useServicePage } from '../support/service-page.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const FAILED = { tries: 3, error: 'the quota is used up', last_failed_dt: T0 }
const CHUNK = 65_536

describe.skipIf(!HAS_BROWSER)('the page of a service', () => {
  const open = useServicePage()

  async function serve(settings = {}) {
    const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { http: HTTP, loopDelaySeconds: 3_600, ...settings } })
    const running = await stage.start()
    open.running = running
    const address = await addressOf(running)
    return { stage, address }
  }

  async function look(address: string) {
    const watched = await open.look(`${address}/`)
    return watched
  }

  test('a publish appears, its bar moves, and then it is synced', { timeout: 90_000 }, async () => {
    const { stage, address } = await serve()
    const spy = stage.spy()
    spy.chunkBytes = CHUNK
    const chunk = Promise.withResolvers<void>()
    spy.gate = async ({ verb, bytes }) => {
      if (verb === 'chunk' && bytes >= 4 * CHUNK) await chunk.promise
    }
    const { page, faults } = await look(address)
    await page.getByText(/live/).first().waitFor()
    // Read after the events began: what comes now is told.
    await page.getByRole('heading', { name: 'Nothing was published yet' }).waitFor()
    await stage.file('a.mov', Buffer.alloc(8 * CHUNK, 'x'))
    const document = representation([entry('{root[work]}/a.mov', inArray('gdrive'))])
    await stage.insert(document)
    await page.getByRole('button', { name: '1 new' }).click()
    const row = page.locator('.queue .row').first()
    await waitFor('a bar', async () => Number(await row.locator('progress').getAttribute('value')) >= 0.5)
    chunk.resolve()
    await row.locator('.cell', { hasText: 'gdrive' }).getByText('synced').waitFor()
    expect(await stage.record(document, { site: 'gdrive' })).toMatchObject({ created_dt: expect.any(Date) })
    expect(faults).toEqual([])
  })

  test('why a file is not there, and a retry that leaves the record as it says', { timeout: 90_000 }, async () => {
    const { stage, address } = await serve({ serve: ['studio'] })
    const token = await newToken(stage, 'operate', 'anna')
    const documents = [
      representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', ...FAILED }))]),
      representation([entry('{root[work]}/b.ma', inObject({ gdrive: FAILED }))]),
    ]
    await stage.insert(...documents)
    const { page, faults } = await look(address)
    await page.locator('.queue .name').first().click()
    await page
      .locator('#detail')
      .getByText(/failed 3 times.*the quota is used up.*neither this configuration .* nor a running instance serves the site/i)
      .first()
      .waitFor()
    await page.getByRole('button', { name: /Retry 2… at gdrive/ }).click()
    await page.getByLabel('Token', { exact: true }).fill(token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.getByText('2 files of 2 representations will be touched.').waitFor()
    expect(await stage.record(documents[0]!, { site: 'gdrive' })).toMatchObject({ tries: 3 })
    await page.getByRole('button', { name: 'Retry: 2 files' }).click()
    await page.getByText('Done: 2 files of 2 representations.').waitFor()
    for (const document of documents) expect(await stage.record(document, { site: 'gdrive' })).not.toHaveProperty('tries')
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByRole('row', { name: /anna retry/ }).waitFor()
    expect(faults).toEqual([])
  })

  test('whoever came in with a token that may only read is asked for another by an action', { timeout: 90_000 }, async () => {
    const { stage, address } = await serve({ serve: ['studio'], http: { ...HTTP, anonymousRead: false } })
    const [read, operate] = [await newToken(stage, 'read', 'anna'), await newToken(stage, 'operate', 'mira')]
    await stage.insert(representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', ...FAILED }))]))
    const { page, faults } = await look(address)
    const give = async (token: string): Promise<void> => {
      await page.getByLabel('Token', { exact: true }).fill(token)
      await page.getByRole('button', { name: 'Use it' }).click()
    }
    await give(read)
    await page.getByRole('button', { name: /Retry 1… at gdrive/ }).click()
    await page.getByText('an action takes one with the scope "operate"').waitFor()
    // Until then it goes on to be read with the one that is there.
    await page.getByText('live · 1 instance').waitFor()
    await give(operate)
    await page.getByRole('button', { name: 'Retry: 1 file' }).click()
    await page.getByText('Done: 1 file of 1 representation.').waitFor()
    expect(faults).toEqual([])
  })

  test('a look at a site lists what it found', { timeout: 90_000 }, async () => {
    const { stage, address } = await serve({ serve: ['studio'] })
    const token = await newToken(stage, 'operate', 'anna')
    await stage.file('a.ma', 'content')
    await stage.insert(representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', created_dt: T0 }))]))
    const { page, faults } = await look(address)
    await page.locator('.queue .name').first().click()
    await page.locator('#detail').getByRole('button', { name: 'Verify…' }).click()
    await page.getByLabel('Token', { exact: true }).fill(token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.locator('dialog').getByLabel('Site').selectOption('gdrive')
    await page.getByRole('button', { name: 'Verify: 1 file' }).click()
    await page.getByText('{root[work]}/a.ma at gdrive: missing: it is not there').waitFor()
    expect(faults).toEqual([])
  })

  test('ticked rows are adopted, after a look that says how many', { timeout: 90_000 }, async () => {
    const { stage, address } = await serve({ serve: ['studio'] })
    const token = await newToken(stage, 'operate', 'anna')
    for (const name of ['same', 'other', 'unticked']) await stage.file(name)
    for (const name of ['same', 'unticked']) stage.spy().store.put(`/My Drive/w/${name}`, name)
    stage.spy().store.put('/My Drive/w/other', 'OTHER')
    const documents = ['same', 'other', 'unticked'].map((name) => ({
      ...representation([entry(`{root[work]}/${name}`, inArray('gdrive'))]),
      context: { asset: name },
    }))
    await stage.insert(...documents)
    const [same, other, unticked] = documents
    const { page, faults } = await look(address)
    for (const name of ['same', 'other']) await page.getByRole('checkbox', { name: new RegExp(name) }).check()
    await page.getByRole('region', { name: 'Actions' }).getByRole('button', { name: 'Adopt…' }).click()
    await page.getByLabel('Token', { exact: true }).fill(token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.locator('dialog').getByLabel('Site').selectOption('gdrive')
    await page.getByRole('button', { name: 'Adopt: 1 file' }).waitFor()
    expect(await stage.record(same!)).toEqual({ name: 'gdrive' })
    await page.getByRole('button', { name: 'Adopt: 1 file' }).click()
    await stage.synced(same!)
    await page.getByText(/^Done: 1 file/).waitFor()
    for (const document of [other!, unticked!]) expect(await stage.record(document)).toEqual({ name: 'gdrive' })
    expect(faults).toEqual([])
  })

  test('the page is public and has no data in it; the API is asked with a token where it takes one', async () => {
    const { stage, address } = await serve({ serve: ['studio'], http: { ...HTTP, anonymousRead: false } })
    const token = await newToken(stage, 'read', 'anna')
    expect((await ask(address, '/api/v1/status')).status).toBe(401)
    const { page, faults } = await look(address)
    await page.getByLabel('Token', { exact: true }).fill(token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.getByText('live · 1 instance').waitFor()
    expect(await page.locator('.card h2').allTextContents()).toContain('gdrive')
    expect(faults).toEqual([])
  })
})

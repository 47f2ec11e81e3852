import { isDeepStrictEqual } from 'node:util'

import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { HAS_BROWSER } from '../support/browser.ts'
import { addressOf, HTTP } from '../support/http-client.ts'
import { entry, inArray, inObject, recordOf, representation, type Representation } from '../support/published.ts'
import { useServicePage } from '../support/service-page.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const COUNT = 90
const FILES = 3
const SITES = ['gdrive', 'nas']
/** High enough for all rows to be drawn. */
const VIEWPORT = { width: 1_500, height: 9_000 }

/** Three files each, in both shapes; of some one file can't be written at gdrive, some are paused at nas. */
async function publish(stage: Stage, n: number): Promise<Representation> {
  const asset = `a${String(n).padStart(3, '0')}`
  const isBad = n % 9 === 4
  const nas = n % 7 === 3 ? { paused: true } : {}
  const files = await Promise.all(
    Array.from({ length: FILES }, async (_, k) => {
      const path = `${asset}/${isBad && k === 1 ? 'bad' : String(k)}.ma`
      await stage.file(path)
      return entry(`{root[work]}/${path}`, n % 2 === 0 ? inArray('gdrive', { name: 'nas', ...nas }) : inObject({ gdrive: {}, nas }))
    }),
  )
  return representation(files, { context: { asset, subset: 'model', version: 1 } })
}

/** What the page says of each representation at each site. */
async function shown(page: Page): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await page.evaluate<readonly (readonly string[])[]>(`[...document.querySelectorAll('.queue > .rows > .row')].map((row) =>
    [row.querySelector('b').textContent, ...[...row.querySelectorAll('.cell')].map((cell) => cell.textContent)])`)
  return new Map(rows.map(([asset = '', , ...cells]) => [asset, cells]))
}

const at = (cells: readonly string[] | undefined, site: string) => cells?.find((cell) => cell.startsWith(site))?.slice(site.length)

/** The same as the documents have it. */
function truth({ files }: Representation, site: string): string {
  const records = files.map((file) => recordOf(file, site))
  const synced = records.filter((record) => record?.['created_dt'] instanceof Date).length
  if (synced === FILES) return 'synced'
  const some = synced > 0 ? `${synced}/${FILES}` : ''
  if (records.some((record) => Number(record?.['tries'] ?? 0) > 0)) return `${some}gave up1 try`
  return records.some((record) => record?.['paused'] === true) ? `${some}paused` : some || 'waiting'
}

describe.skipIf(!HAS_BROWSER)('the page and the database', () => {
  const open = useServicePage()

  test(
    'under load nothing is called synced before every file is; when it is quiet the page is what the database is',
    { timeout: 180_000 },
    async () => {
      const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { http: HTTP, loopDelaySeconds: 3_600, retryCount: 1 } })
      stage.spy().failWrites(new SyncError('TARGET_CONFLICT', 'the name is taken'), 'bad.ma')
      const running = await stage.start()
      open.running = running
      const { page, faults } = await open.look(`${await addressOf(running)}/`, { viewport: VIEWPORT })
      const publishing = (async () => {
        for (let n = 0; n < COUNT; n += 5) {
          const some = await Promise.all([0, 1, 2, 3, 4].map(async (k) => await publish(stage, n + k)))
          await stage.insert(...some)
        }
      })()

      const isDone = async (): Promise<boolean> => {
        const documents = await stage.project().find().toArray()
        return (
          documents.length === COUNT &&
          documents.every((document) =>
            SITES.every((site) => truth(document, site) !== 'waiting' && !/^\d\/3$/.test(truth(document, site))),
          )
        )
      }
      let looks = 0
      let seenSynced = 0
      const lies: string[] = []
      // What the page says first, and then what the database has: nothing is taken back meanwhile.
      const look = async (): Promise<void> => {
        const fresh = page.locator('.fresh button')
        if ((await fresh.count()) > 0) await fresh.click({ timeout: 1_000 }).catch(() => undefined)
        const cells = await shown(page)
        const documents = await stage.project().find().toArray()
        for (const document of documents) {
          const { asset } = document['context'] as { asset: string }
          for (const site of SITES) {
            if (at(cells.get(asset), site) !== 'synced') continue
            seenSynced++
            if (truth(document, site) !== 'synced') lies.push(`${asset} at ${site} is ${truth(document, site)}`)
          }
        }
        looks++
      }
      await waitFor(
        'the end of all transfers',
        async () => {
          await look()
          return await isDone()
        },
        { withinMs: 120_000 },
      )
      await publishing
      expect(lies).toEqual([])
      expect(looks).toBeGreaterThan(3)
      expect(seenSynced).toBeGreaterThan(0)

      const expected = Object.fromEntries(
        (await stage.project().find().toArray()).map((document) => [
          (document['context'] as { asset: string }).asset,
          SITES.map((site) => truth(document, site)),
        ]),
      )
      expect(new Set(Object.values(expected).flat())).toEqual(new Set(['synced', '2/3gave up1 try', 'paused']))
      const now = async () => {
        const fresh = page.locator('.fresh button')
        if ((await fresh.count()) > 0) await fresh.click({ timeout: 1_000 }).catch(() => undefined)
        const cells = await shown(page)
        return Object.fromEntries([...cells].map(([asset, of]) => [asset, SITES.map((site) => at(of, site))]))
      }
      const same = async () => isDeepStrictEqual(await now(), expected)
      await waitFor('the page to be what the database is', same, { withinMs: 30_000, seen: now })
      const chip = (name: RegExp) => page.getByRole('group', { name: 'State' }).getByRole('button', { name })
      const given = Object.values(expected).filter((states) => states.join().includes('gave up')).length
      const whole = Object.values(expected).filter((states) => states.every((state) => state === 'synced')).length
      await waitFor(
        'the numbers of the database',
        async () => {
          const texts = await Promise.all([/^All/, /^Given up/, /^Synced/].map(async (name) => await chip(name).textContent()))
          return texts.join() === [`All${COUNT}`, `Given up${given}`, `Synced${whole}`].join()
        },
        { withinMs: 30_000 },
      )
      expect(faults).toEqual([])
    },
  )
})

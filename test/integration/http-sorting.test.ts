import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'

import { addressOf, ask, HTTP } from '../support/http-client.ts'
import { inArray, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

const MANY = 100_001

test(
  'a large project is sorted by id, or by names as far as it is open: never as a whole by what no index holds',
  { timeout: 120_000 },
  async () => {
    const stage = await Stage.open({ settings: { http: HTTP, serve: ['studio'], loopDelaySeconds: 3_600 } })
    const running = await stage.start()
    const address = await addressOf(running)
    const list = async (query: string) => await ask(address, `/api/v1/transfers?limit=5&${query}`)
    const made = Array.from({ length: MANY }, (_, n) => ({
      _id: new ObjectId(),
      type: 'representation',
      context: { asset: `a${MANY - n}` },
      files: [
        {
          _id: new ObjectId(),
          path: '{root[work]}/x',
          sites: inArray({ name: 'gdrive', ...(n % 1_000 === 0 ? { tries: 3, error: 'e' } : { created_dt: T0 }) }),
        },
      ],
    }))
    await stage.project().insertMany(made.slice(0, 10))
    for (const sort of ['asset', '-version']) expect((await list(`sort=${sort}`)).status).toBe(200)
    await stage.project().insertMany(made.slice(10))
    for (const sort of ['asset', '-asset', 'subset', 'version', 'name']) {
      const { status, body } = await list(`sort=${sort}`)
      expect([sort, status, body['detail']]).toEqual([
        sort,
        400,
        expect.stringMatching(/^"sort": a project of more than 100,000 documents \("prj"\) is listed by id/),
      ])
    }
    for (const query of ['sort=-id', 'sort=asset&state=exhausted', 'sort=-asset&state=pending,failed,exhausted'])
      expect([query, (await list(query)).status]).toEqual([query, 200])
    expect((await list('sort=asset&state=synced')).status).toBe(400)
    const { body } = await list('sort=-asset&state=exhausted')
    const assets = (body['items'] as { asset: string }[]).map(({ asset }) => asset)
    expect(assets).toHaveLength(5)
    expect(assets).toEqual(assets.toSorted((one, other) => (one < other ? 1 : -1)))
    // What is open is little: read by the indexes as a whole, and cut into pages in the same order all the same.
    for (const direction of ['', '-']) {
      const ids: string[] = []
      let cursor: string | null = ''
      while (cursor !== null && ids.length < 1_000) {
        const page = await ask(
          address,
          `/api/v1/transfers?limit=30&sort=${direction}id&state=failed,exhausted${cursor === '' ? '' : `&cursor=${cursor}`}`,
        )
        ids.push(...(page.body['items'] as { id: string }[]).map(({ id }) => id))
        cursor = page.body['next_cursor'] as string | null
      }
      const expected = made
        .filter((_, n) => n % 1_000 === 0)
        .map(({ _id }) => _id.toHexString())
        .toSorted((one, other) => (one < other ? -1 : 1))
      expect(ids).toEqual(direction === '' ? expected : expected.toReversed())
    }
    await running.stop()
  },
)

import { ObjectId } from 'mongodb'
import { describe, expect, test } from 'vitest'

import { addressOf, ask, HTTP, newToken } from '../support/http-client.ts'
import { entry, inArray, inObject, representation, T0 } from '../support/published.ts'
import { PROJECT, Stage, type Running } from '../support/service-harness.ts'

const SITES = [{ name: 'nas' }]

/** A service that sends nothing, so that what is read stays as it is. */
async function serve(settings = {}): Promise<{ stage: Stage; running: Running; address: string }> {
  const stage = await Stage.open({ sites: SITES, settings: { http: HTTP, serve: ['studio'], ...settings } })
  const running = await stage.start()
  return { stage, running, address: await addressOf(running) }
}

interface Item {
  readonly id: string
  readonly project: string
  readonly sites: readonly { readonly site: string; readonly state: string }[]
}

const sorted = (names: readonly string[]) => names.toSorted((a, b) => (a < b ? -1 : 1))
const twice = (...names: readonly string[]) => sorted(names.flatMap((name) => [name, name]))
/** Files of a sequence, with these records at gdrive. */
const sequence = (...records: readonly object[]) =>
  records.map((fields, n) => entry(`{root[work]}/${n}.exr`, inArray({ name: 'gdrive', ...fields }), { size: 10 }))

async function all(address: string, query: string): Promise<readonly Item[]> {
  const items: Item[] = []
  let cursor: string | null = ''
  for (let pages = 0; cursor !== null; pages++) {
    if (pages > 100) throw new Error('the list has no end')
    const { status, body } = await ask(address, `/api/v1/transfers?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    expect([status, body]).toEqual([200, expect.objectContaining({ items: expect.any(Array) as unknown })])
    items.push(...(body['items'] as Item[]))
    cursor = body['next_cursor'] as string | null
  }
  return items
}

describe('/transfers', () => {
  const record = {
    pending: {},
    failed: { tries: 1, error: 'the Quota is used up', last_failed_dt: T0 },
    exhausted: { tries: 3, error: 'no such file', last_failed_dt: T0 },
    paused: { paused: true },
    synced: { created_dt: T0 },
    bad: { tries: 'many' },
  }

  test('each state of records, in both shapes, is filtered by the database as it is shown', async () => {
    const { stage, running, address } = await serve()
    const ids = new Map<string, string>()
    for (const [state, fields] of Object.entries(record)) {
      for (const shape of ['array', 'object']) {
        const sites = shape === 'array' ? inArray({ name: 'gdrive', ...fields }) : inObject({ gdrive: fields })
        const document = representation([entry(`{root[work]}/${state}-${shape}.ma`, sites)])
        ids.set(String(document._id), state)
        await stage.insert(document)
      }
    }
    await stage.insert(representation([entry('{root[work]}/other.ma', inArray({ name: 'nas' }))]))
    await stage.insert(representation('nonsense', { type: 'representation' }), representation([], { type: 'version' }))
    const states = async (query: string) => sorted((await all(address, query)).map(({ id }) => ids.get(id) ?? ''))
    expect(await states('site=gdrive')).toEqual(twice(...Object.keys(record)))
    expect(await states('site=gdrive&state=pending')).toEqual(twice('pending', 'failed'))
    expect(await states('site=gdrive&state=failed')).toEqual(twice('failed'))
    expect(await states('site=gdrive&state=exhausted')).toEqual(twice('exhausted'))
    expect(await states('state=paused,synced&site=gdrive&limit=1')).toEqual(twice('paused', 'synced'))
    expect(await states('error=QUOTA')).toEqual(twice('failed'))
    expect(await states('site=nas&error=quota')).toEqual([])
    expect(await states('q=EXHAUSTED-arr')).toEqual(['exhausted'])
    const [first] = ids.keys()
    expect((await all(address, `q=${first}`)).map(({ id }) => id)).toEqual([first])
    for (const { id, sites } of await all(address, 'site=gdrive')) {
      const shown = ids.get(id) === 'bad' ? 'bad-tries' : ids.get(id)
      expect(sites).toMatchObject([
        { site: 'studio', state: 'synced' },
        { site: 'gdrive', state: shown },
      ])
    }
    await running.stop()
  })

  test('a representation is synced only when every file is', async () => {
    const { stage, running, address } = await serve()
    const [half, partial, whole] = [
      representation(sequence({ created_dt: T0 }, { progress: 0.5 })),
      representation([...sequence({ created_dt: T0 }), entry('{root[work]}/9.exr', inArray())]),
      representation(sequence({ created_dt: T0 }, { created_dt: T0 })),
    ]
    await stage.insert(half, partial, whole)
    const items = await all(address, 'project=prj')
    const at = (document: typeof half) => items.find(({ id }) => id === String(document._id))
    expect(at(half)).toMatchObject({
      project: PROJECT,
      asset: 'hero',
      subset: 'model',
      version: 1,
      name: 'ma',
      file_count: 2,
      size: 20,
      sites: [{ site: 'studio' }, { site: 'gdrive', state: 'pending', files: 2, synced: 1, pending: 1, progress: 0.75 }],
    })
    expect(at(partial)?.sites[1]).toMatchObject({ state: 'partial', files: 1, synced: 1, progress: 0.5 })
    expect(at(whole)?.sites[1]).toMatchObject({ state: 'synced', progress: 1 })
    await running.stop()
  })

  test('pages of all projects, in any order, with ids and values of any type, hold each once', async () => {
    const { stage, running, address } = await serve()
    const odd = [1, 'text', new ObjectId(), { a: 1 }, 2.5, new Date(0), true]
    const values = ['b', 'a', undefined, null, 7, ['x'], 'a']
    for (const project of ['one', 'two']) {
      await stage.project(project).insertMany(
        odd.map((_id, n) => {
          const document = representation([entry('{root[work]}/a.ma', inArray('gdrive'))])
          return { ...document, _id: _id as never, context: { asset: 'hero', subset: values[n], version: n } }
        }),
      )
    }
    const byId = await all(address, 'limit=200')
    expect(byId).toHaveLength(14)
    for (const sort of ['id', '-id', 'subset', '-subset', 'version', '-version', 'name', 'asset']) {
      for (const limit of [1, 3, 7]) {
        const items = await all(address, `sort=${sort}&limit=${limit}`)
        expect(items.map(({ project }) => project)).toEqual(items.map(({ project }) => project).toSorted())
        expect(items.map(({ project, id }) => `${project} ${id}`).toSorted()).toEqual(
          byId.map(({ project, id }) => `${project} ${id}`).toSorted(),
        )
      }
    }
    await running.stop()
  })

  test('what can not be meant is 400', async () => {
    const { stage, running, address } = await serve()
    await stage.insert(
      representation([entry('{root[work]}/a.ma', inArray('gdrive'))]),
      representation([entry('{root[work]}/b.ma', inArray('gdrive'))]),
    )
    const { body } = await ask(address, '/api/v1/transfers?limit=1')
    const cursor = String(body['next_cursor'])
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=1.5',
      'limit=',
      'limit=1&limit=2',
      'cursor=x',
      'cursor=%00',
      'cursor=pe30',
      'cursor=e30',
      `cursor=${cursor}&sort=asset`,
      `cursor=${cursor.slice(0, -4)}`,
      'state=done',
      'site=nowhere',
      'sort=colour',
      'colour=red',
    ]) {
      const answer = await ask(address, `/api/v1/transfers?${query}`)
      expect([query, answer.status, answer.type]).toEqual([query, 400, 'application/problem+json; charset=utf-8'])
    }
    expect((await ask(address, '/api/v1/transfers?limit=200')).body['next_cursor']).toBeNull()
    await running.stop()
  })
})

test('/status, /sites and /projects say what all instances say', async () => {
  const { stage, running, address } = await serve()
  const other = await stage.start()
  await stage.insert(representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', tries: 3, error: 'x' }))]))
  const { body: status } = await ask(address, '/api/v1/status')
  expect(Object.keys(status).toSorted()).toEqual(['closed', 'instances', 'pauses', 'projects', 'sites'])
  const { body: sites } = await ask(address, '/api/v1/sites')
  expect(sites).toMatchObject({ items: [{ site: 'studio' }, { site: 'gdrive' }, { site: 'nas' }], next_cursor: null })
  expect((await ask(address, '/api/v1/projects')).body['next_cursor']).toBeNull()
  await other.stop()
  await running.stop()
})

test('/representations: all files at all sites, with the answer of explain', async () => {
  const { stage, running, address } = await serve({ serve: ['*'] })
  const document = representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', tries: 3, error: 'the <b>quota</b> is used up' }))])
  await stage.insert(document)
  for (const id of [String(document._id), encodeURIComponent('hero/model/1/ma'), encodeURIComponent('{root[work]}/a.ma')]) {
    const { status, body } = await ask(address, `/api/v1/representations/${PROJECT}/${id}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: String(document._id),
      project: PROJECT,
      remarks: [],
      files: [
        { path: '{root[work]}/a.ma', site: 'studio', state: 'synced' },
        {
          path: '{root[work]}/a.ma',
          site: 'gdrive',
          state: 'exhausted',
          tries: 3,
          error: 'the <b>quota</b> is used up',
          reason: expect.stringContaining('failed 3 times') as string,
          command: expect.stringContaining('site-sync retry') as string,
        },
        { site: 'nas', state: 'no-record', reason: expect.any(String) as string },
      ],
    })
  }
  expect((await ask(address, `/api/v1/representations/${PROJECT}/${String(new ObjectId())}`)).status).toBe(404)
  expect((await ask(address, `/api/v1/representations/nowhere/${String(document._id)}`)).status).toBe(404)
  await running.stop()
})

test('/audit: the latest first, in pages', async () => {
  const { stage, running, address } = await serve()
  const token = await newToken(stage, 'operate', 'anna')
  await stage.insert(representation([entry('{root[work]}/a.ma', inArray('gdrive'))]))
  for (const [action, selection] of [
    ['pause', { asset: 'hero' }],
    ['resume', { asset: 'hero' }],
    ['pause', { site: 'gdrive' }],
  ] as const)
    expect((await ask(address, `/api/v1/actions/${action}`, { method: 'POST', token, body: { selection } })).status).toBe(200)
  const { body: first } = await ask(address, '/api/v1/audit?limit=2')
  expect(first).toMatchObject({
    items: [
      { action: 'pause', who: 'anna', selection: { site: 'gdrive' } },
      { action: 'resume', who: 'anna', records: 1, representations: 1 },
    ],
  })
  const { body: rest } = await ask(address, `/api/v1/audit?limit=2&cursor=${String(first['next_cursor'])}`)
  expect(rest).toMatchObject({ items: [{ action: 'pause', selection: { asset: 'hero' } }], next_cursor: null })
  for (const query of ['limit=0', 'limit=201', 'cursor=x']) expect((await ask(address, `/api/v1/audit?${query}`)).status).toBe(400)
  await running.stop()
})

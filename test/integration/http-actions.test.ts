import { expect, test } from 'vitest'

import { addressOf, ask, HTTP, newToken, type HttpAnswer } from '../support/http-client.ts'
import { entry, inArray, inObject, representation, T0, type Representation } from '../support/published.ts'
import { PROJECT, Stage, type Running } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

interface Served {
  readonly stage: Stage
  readonly running: Running
  readonly address: string
  readonly act: (action: string, body: unknown) => Promise<HttpAnswer>
}

/** A service that sends nothing, and somebody who may act. */
async function serve(settings = {}): Promise<Served> {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { http: HTTP, serve: ['studio'], ...settings } })
  const running = await stage.start()
  const [address, token] = [await addressOf(running), await newToken(stage, 'operate', 'anna')]
  const act = async (action: string, body: unknown) => await ask(address, `/api/v1/actions/${action}`, { method: 'POST', token, body })
  return { stage, running, address, act }
}

const FAILED = { tries: 3, error: 'the quota is used up', last_failed_dt: T0 }

test('each action does what its command does, in both shapes, and is audited by the name of the token', async () => {
  const { stage, running, act } = await serve()
  const documents = [
    representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', ...FAILED }))]),
    representation([entry('{root[work]}/b.ma', inObject({ gdrive: FAILED }))]),
  ]
  await stage.insert(...documents)
  const records = async (site = 'gdrive') => await Promise.all(documents.map(async (document) => await stage.record(document, { site })))
  const selection = { site: 'gdrive', project: PROJECT, asset: 'hero' }
  const steps: readonly (readonly [string, object, object | undefined])[] = [
    ['retry', { selection: { ...selection, state: 'exhausted,failed', error: 'QUOTA' } }, { last_failed_dt: T0 }],
    ['priority', { selection, priority: 80 }, { last_failed_dt: T0, priority: 80 }],
    ['pause', { selection }, { last_failed_dt: T0, priority: 80, paused: true }],
    ['resume', { selection }, { last_failed_dt: T0, priority: 80 }],
    ['reset', { selection }, {}],
    ['remove-site', { selection }, undefined],
    ['add-site', { selection }, {}],
  ]
  for (const [action, body, expected] of steps) {
    const before = await records()
    const dry = await act(action, { ...body, dry_run: true })
    expect([action, dry.status, dry.body]).toEqual([
      action,
      200,
      expect.objectContaining({ action, records: 2, representations: 2, dry_run: true }),
    ])
    expect(await records()).toEqual(before)
    expect(await act(action, body)).toMatchObject({ status: 200, body: { action, records: 2, representations: 2, dry_run: false } })
    expect(await records()).toEqual([expected && { name: 'gdrive', ...expected }, expected])
  }
  const audited = await stage.state.collection('audit').find().sort({ _id: 1 }).toArray()
  expect(audited.map(({ action, who, records: changed }) => [action, who, changed])).toEqual(steps.map(([action]) => [action, 'anna', 2]))
  expect(running.lines.of('controls.changed')).toHaveLength(steps.length)
  await running.stop()
})

test('remove-site deletes files as well where it is told to, and says what became of each', async () => {
  const { stage, running, act } = await serve()
  const { store } = stage.spy('gdrive')
  for (const path of ['a.ma', 'b.ma']) store.put(`/My Drive/w/${path}`, path)
  await stage.file('a.ma')
  const documents = ['a.ma', 'b.ma'].map((path) =>
    representation([entry(`{root[work]}/${path}`, inArray({ name: 'gdrive', created_dt: T0 }))]),
  )
  await stage.insert(...documents)
  const body = { selection: { site: 'gdrive', project: PROJECT }, delete_files: true }
  const told = { files: expect.any(Array) as unknown, more_files: 0, deleted: 1, kept: 1, shared: 0, records: 1, representations: 1 }
  expect(await act('remove-site', { ...body, dry_run: true })).toMatchObject({ status: 200, body: { ...told, dry_run: true } })
  expect(store.paths()).toHaveLength(2)
  const { body: done } = await act('remove-site', body)
  expect(done).toMatchObject({ action: 'remove-site', ...told, dry_run: false, interrupted: false })
  expect(done['files']).toMatchObject([
    { path: '{root[work]}/a.ma', outcome: 'deleted', to: 'nowhere', bytes: 4 },
    { path: '{root[work]}/b.ma', outcome: 'kept', reason: 'last-copy', why: expect.any(String) as string },
  ])
  expect(store.paths()).toEqual(['/My Drive/w/b.ma'])
  expect(running.lines.of('file.deleted')).toMatchObject([{ site_sync: { site: 'gdrive', path: '{root[work]}/a.ma', to: 'nowhere' } }])
  const [audited] = await stage.state.collection('audit').find().toArray()
  expect(audited).toMatchObject({ action: 'remove-site', who: 'anna', selection: { delete_files: true }, records: 1, deleted: 1, kept: 1 })
  expect((await act('reset', body)).status).toBe(400)
  await running.stop()
})

test('pause and resume of a whole site, project or everything', async () => {
  const { stage, running, act } = await serve()
  const paused = await act('pause', { selection: { site: 'gdrive' }, for: '2h', why: 'the line is needed' })
  expect(paused).toMatchObject({ status: 200, body: { records: 0, pauses: [{ site: 'gdrive', who: 'anna', why: 'the line is needed' }] } })
  expect(await stage.state.collection('controls').countDocuments()).toBe(1)
  expect(await act('resume', { selection: { all: true } })).toMatchObject({ status: 200, body: { pauses: [{ site: 'gdrive' }] } })
  expect((await act('pause', { selection: { asset: 'hero' }, for: '2h' })).status).toBe(400)
  expect((await act('pause', { selection: { all: true }, for: 'two hours' })).status).toBe(400)
  await running.stop()
})

test('nothing selected, or what can not be meant, is 400 and does nothing', async () => {
  const { stage, running, act } = await serve()
  const document = representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', ...FAILED }))])
  await stage.insert(document)
  const before = await stage.raw(document)
  for (const [action, body] of [
    ['retry', { selection: {} }],
    ['retry', {}],
    ['retry', []],
    ['retry', null],
    ['retry', { selection: { all: false } }],
    ['retry', { selection: { all: 'yes' } }],
    ['retry', { selection: { site: 'gdrive', colour: 'red' } }],
    ['retry', { selection: { all: true }, colour: 'red' }],
    ['retry', { selection: { site: 'nowhere' } }],
    ['retry', { selection: { project: 'nowhere' } }],
    ['retry', { selection: { site: 'gdrive', state: 'done' } }],
    ['retry', { selection: { site: '' } }],
    ['retry', { selection: { name: 'a\0b' } }],
    ['retry', { selection: { all: true }, dry_run: 'no' }],
    ['add-site', { selection: { site: 'gdrive' } }],
    ['add-site', { selection: { all: true } }],
    ['priority', { selection: { all: true } }],
    ['priority', { selection: { all: true }, priority: 0 }],
    ['priority', { selection: { all: true }, priority: '80' }],
  ] as const) {
    const answer = await act(action, body)
    expect([body, answer.status, answer.type]).toEqual([body, 400, 'application/problem+json; charset=utf-8'])
  }
  expect((await act('format-disk', { selection: { all: true } })).status).toBe(404)
  expect((await stage.raw(document))?.equals(before as Buffer)).toBe(true)
  expect(await stage.state.collection('audit').countDocuments()).toBe(0)
  await running.stop()
})

test('what nobody waits for is a job to look at', async () => {
  const { stage, running, address, act } = await serve()
  await stage.insert(
    ...Array.from({ length: 300 }, (_, n) => representation([entry(`{root[work]}/${n}.ma`, inArray({ name: 'gdrive', ...FAILED }))])),
  )
  const answer = await act('retry', { selection: { site: 'gdrive' }, background: true })
  expect([answer.status, answer.headers.location]).toEqual([202, answer.body['href']])
  const look = async () => (await ask(address, String(answer.body['href']))).body
  const done = await waitFor('the end of the job', async () => {
    const job = await look()
    return job['state'] === 'running' ? false : job
  })
  expect(done).toMatchObject({ action: 'retry', who: 'anna', state: 'done', result: { records: 300, representations: 300 } })
  expect((await ask(address, '/api/v1/jobs/none')).status).toBe(404)
  await running.stop()
})

test('verify and adopt look at the sites, and are audited by the name of the token', async () => {
  const { stage, running, act } = await serve()
  for (const name of ['a.ma', 'b.ma']) await stage.file(name, 'content')
  stage.spy('nas').store.put('/My Drive/w/a.ma', Buffer.from('content'), T0)
  const documents = [
    representation([entry('{root[work]}/a.ma', inArray('nas')), entry('{root[work]}/b.ma', inArray({ name: 'nas', created_dt: T0 }))]),
    representation([entry('{root[work]}/a.ma', inObject({}))]),
  ]
  await stage.insert(...documents)
  const selection = { site: 'nas', project: PROJECT }
  const before = await stage.raw(documents[0] as Representation)
  const dry = await act('adopt', { selection, dry_run: true })
  expect(dry).toMatchObject({ status: 200, body: { action: 'adopt', records: 2, adopted: 2, representations: 2, dry_run: true, left: [] } })
  expect((await stage.raw(documents[0] as Representation))?.equals(before as Buffer)).toBe(true)
  expect(await act('adopt', { selection })).toMatchObject({ status: 200, body: { records: 2, dry_run: false, missing: 0, more: 0 } })
  expect(await stage.record(documents[0] as Representation, { site: 'nas' })).toMatchObject({ created_dt: expect.any(Date) as Date })
  const report = await act('verify', { selection: { all: true, site: 'nas' } })
  expect(report).toMatchObject({
    status: 200,
    body: {
      action: 'verify',
      mend: 'report',
      records: 3,
      missing: 1,
      mended: 0,
      findings: [{ path: '{root[work]}/b.ma', finding: 'missing' }],
    },
  })
  expect(await act('verify', { selection, mend: 'resend', dry_run: true })).toMatchObject({
    status: 200,
    body: { mended: 1, dry_run: true },
  })
  expect(await act('verify', { selection, mend: 'resend' })).toMatchObject({ status: 200, body: { mended: 1, dry_run: false } })
  expect(await stage.record(documents[0] as Representation, { site: 'nas', file: 1 })).toEqual({ name: 'nas' })
  const audited = await stage.state.collection('audit').find().sort({ _id: 1 }).toArray()
  expect(audited.map(({ action, who, records }) => [action, who, records])).toEqual([
    ['adopt', 'anna', 2],
    ['verify', 'anna', 0],
    ['verify', 'anna', 1],
  ])
  expect(running.lines.of('controls.changed')).toHaveLength(3)
  for (const [action, body] of [
    ['adopt', { selection: { all: true } }],
    ['adopt', { selection: {} }],
    ['adopt', { selection, mend: 'reset' }],
    ['verify', { selection: {} }],
    ['verify', { selection, mend: 'resett' }],
    ['verify', { selection: { site: 'nowhere' } }],
  ] as const) {
    expect([body, (await act(action, body)).status]).toEqual([body, 400])
  }
  await running.stop()
})

test('a verify that takes long is a job to look at', async () => {
  const { stage, running, address, act } = await serve()
  await stage.file('a.ma', 'content')
  await stage.insert(representation([entry('{root[work]}/a.ma', inArray({ name: 'nas', created_dt: T0 }))]))
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>()
  const { promise: open, resolve } = Promise.withResolvers<void>()
  stage.spy('nas').gate = async ({ verb }) => {
    if (verb !== 'stat') return
    isAsked()
    await open
  }
  const answer = await act('verify', { selection: { site: 'nas' } })
  expect([answer.status, answer.headers.location]).toEqual([202, answer.body['href']])
  await asked
  const look = async () => (await ask(address, String(answer.body['href']))).body
  expect(await look()).toMatchObject({ action: 'verify', who: 'anna', state: 'running' })
  resolve()
  const done = await waitFor('the end of the job', async () => {
    const job = await look()
    return job['state'] === 'running' ? false : job
  })
  expect(done).toMatchObject({ state: 'done', result: { records: 1, missing: 1 } })
  await running.stop()
})

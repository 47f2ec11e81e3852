import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { expect, onTestFinished, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { WEBHOOK_EVENTS, type WebhookEvent } from '../../src/model/http-settings.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const SECRET = 'a secret of many letters'
const QUIET = { loopDelaySeconds: 3_600 }

interface Told {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly event: Record<string, unknown>
}

/** Somebody who wants to be told; `answer` says what he answers. */
async function listener(answer: () => number = () => 204) {
  const told: Told[] = []
  const server = createServer((request, response) => {
    const take = (body: string): void => {
      told.push({ headers: request.headers, body, event: JSON.parse(body) as Record<string, unknown> })
      response.writeHead(answer(), { location: '/elsewhere' }).end()
    }
    void text(request).then(take)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const webhook = (on: readonly WebhookEvent[] = WEBHOOK_EVENTS) => ({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    secret: SECRET,
    on: new Set(on),
  })
  return { told, webhook, events: () => told.map(({ event }) => event['event']) }
}

test('a sequence is one message when all of it is there, signed', async () => {
  const { told, webhook } = await listener()
  const stage = await Stage.open({ settings: { ...QUIET, webhooks: [webhook()] } })
  const running = await stage.start()
  await Promise.all([0, 1, 2].map(async (n) => stage.file(`${n}.exr`)))
  const document = representation([0, 1, 2].map((n) => entry(`{root[work]}/${n}.exr`, inArray('gdrive'))))
  await stage.insert(document)
  await waitFor('the message', () => told.length > 0)
  const [{ headers, body, event } = { headers: {}, body: '', event: {} }] = told
  expect(event).toEqual({
    event: 'synced',
    time: expect.any(String) as string,
    project: PROJECT,
    representation: String(document._id),
    site: 'gdrive',
  })
  const time = String(headers['x-site-sync-time'])
  expect(Math.abs(Number(time) - Date.now() / 1_000)).toBeLessThan(60)
  expect(headers['x-site-sync-signature']).toBe(`sha256=${createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex')}`)
  // Whatever is looked at again is no event.
  await stage.publish('last.ma')
  await waitFor('the next message', () => told.length > 1)
  expect(told.map(({ event: { representation: id } }) => id)).toEqual([
    String(document._id),
    expect.not.stringContaining(String(document._id)),
  ])
  expect(running.lines.text).not.toContain(SECRET)
  await running.stop()
})

test('failed and exhausted once, however many attempts and files; what fails after it was synced is told again', async () => {
  const { events, webhook } = await listener()
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.2, webhooks: [webhook()] } })
  await stage.file('there.exr')
  const document = representation([
    entry('{root[work]}/there.exr', inArray('gdrive')),
    entry('{root[work]}/a.exr', inArray('gdrive')),
    entry('{root[work]}/b.exr', inArray('gdrive')),
  ])
  await stage.insert(document)
  const running = await stage.start()
  await running.lines.until('transfer.exhausted', 2)
  await waitFor('both', () => events().length >= 2)
  await stage.file('a.exr')
  await stage.file('b.exr')
  await stage.project().updateOne({ _id: document._id }, { $unset: { 'files.1.sites.1.tries': '', 'files.2.sites.1.tries': '' } })
  await waitFor('synced', () => events().includes('synced'))
  expect(events()).toEqual(['failed', 'exhausted', 'synced'])
  expect(running.lines.count('transfer.failed')).toBe(6)
  await rm(stage.studioPath('a.exr'))
  await stage.project().updateOne({ _id: document._id }, { $unset: { 'files.1.sites.1.created_dt': '', 'files.1.sites.1.id': '' } })
  await waitFor('both again', () => events().length >= 5)
  expect(events().slice(3)).toEqual(['failed', 'exhausted'])
  await running.stop()
})

test('an address that fails is asked again, by another instance, too; one that was not meant is never asked', async () => {
  let status = 500
  const { told, webhook } = await listener(() => status)
  const other = await listener()
  const stage = await Stage.open({ settings: { ...QUIET, webhooks: [webhook(['synced']), other.webhook(['failed'])] } })
  const first = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  await waitFor('the first attempt', () => told.length > 0)
  await first.lines.until('webhook.failed')
  await first.stop()
  status = 302
  const second = await stage.start()
  await waitFor('the next attempt', () => told.length > 1)
  status = 200
  await second.lines.until('webhook.delivered')
  expect(new Set(told.map(({ headers }) => headers['x-site-sync-id'])).size).toBe(1)
  expect(other.told).toEqual([])
  await second.stop()
})

test('an address that does not answer keeps no other one waiting', async () => {
  let asked = 0
  const server = createServer(() => void asked++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const silent = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, secret: SECRET, on: new Set(['synced'] as const) }
  const { told, webhook } = await listener()
  const stage = await Stage.open({ settings: { ...QUIET, webhooks: [silent, webhook(['synced'])] } })
  const running = await stage.start()
  for (const name of ['a.ma', 'b.ma', 'c.ma']) await stage.synced(await stage.publish(name))
  await waitFor('all three', () => told.length === 3)
  // Its ten seconds are not over, and it is told of one thing at a time.
  expect(asked).toBe(1)
  await running.stop()
})

test('the first address of all is taken without a restart', async () => {
  const { events, webhook } = await listener()
  const stage = await Stage.open({ settings: QUIET })
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  running.service.reload({ ...stage.settings, webhooks: [webhook()] })
  await running.lines.until('scan.finished', 2)
  await stage.synced(await stage.publish('b.ma'))
  await waitFor('the message', () => events().length > 0)
  expect(events()).toEqual(['synced'])
  await running.stop()
})

test('two instances tell one event once', async () => {
  const { events, webhook } = await listener()
  const stage = await Stage.open({ settings: { ...QUIET, webhooks: [webhook()] } })
  const instances = [await stage.start(), await stage.start()]
  await Promise.all(Array.from({ length: 20 }, async (_, n) => stage.file(`${n}.exr`)))
  await stage.insert(representation(Array.from({ length: 20 }, (_, n) => entry(`{root[work]}/${n}.exr`, inArray('gdrive')))))
  await waitFor('the message', () => events().length > 0)
  const last = await stage.publish('last.ma')
  await stage.synced(last)
  await waitFor('the next message', () => events().length > 1)
  expect(events()).toEqual(['synced', 'synced'])
  for (const running of instances) await running.stop()
})

test('a site in trouble, and well again', async () => {
  const { told, webhook } = await listener()
  const stage = await Stage.open({ settings: { ...QUIET, webhooks: [webhook(['site-down', 'site-up'])] } })
  const spy = stage.spy()
  let isDown = true
  spy.gate = async () => {
    if (isDown) throw new SyncError('QUOTA', 'the quota is used up', { retryAfterMs: 500 })
    await Promise.resolve()
  }
  const running = await stage.start()
  const document = await stage.publish('a.ma')
  await waitFor('the first message', () => told.length > 0)
  isDown = false
  await stage.synced(document, { withinMs: 30_000 })
  await waitFor('the second message', () => told.length > 1)
  expect(told.map(({ event }) => [event['event'], event['site']])).toEqual([
    ['site-down', 'gdrive'],
    ['site-up', 'gdrive'],
  ])
  expect(told[0]?.event['error']).toContain('quota')
  await running.stop()
})

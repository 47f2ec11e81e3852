import { expect, test } from 'vitest'

import { load, mistakesOf } from './support.ts'

test('it is off without the key, and without "enabled"', async () => {
  expect((await load({})).settings.http).toBeUndefined()
  const { settings, warnings } = await load({ http: { port: 80 } })
  expect([settings.http, warnings]).toEqual([undefined, []])
})

test('its defaults', async () => {
  const { settings } = await load({ http: { enabled: true } })
  expect(settings.http).toEqual({
    host: '127.0.0.1',
    port: 8787,
    trustedHosts: [],
    readOnly: false,
    anonymousRead: true,
    behindProxy: false,
  })
})

test('everything it may say; paths are relative to its folder', async () => {
  const { settings, folder, warnings } = await load({
    http: {
      enabled: true,
      host: '0.0.0.0',
      port: '443',
      tls: { cert: 'cert.pem', key: '/keys/key.pem' },
      trusted_hosts: ['sync.studio.example'],
      read_only: true,
      anonymous_read: false,
      behind_proxy: true,
      colour: 'red',
    },
  })
  expect(settings.http).toEqual({
    host: '0.0.0.0',
    port: 443,
    tls: { certFile: `${folder}/cert.pem`, keyFile: '/keys/key.pem' },
    trustedHosts: ['sync.studio.example'],
    readOnly: true,
    anonymousRead: false,
    behindProxy: true,
  })
  expect(settings.ownFiles).toEqual(expect.arrayContaining([`${folder}/cert.pem`, '/keys/key.pem']))
  expect(warnings).toEqual(['http.colour is not known and not used'])
})

test.each(['127.0.0.1', '127.8.9.1', '::1', '[::1]', 'localhost', 'LOCALHOST'])('%s is of this machine alone', async (host) => {
  expect((await load({ http: { enabled: true, host } })).settings.http?.host).toBe(host)
})

test.each(['0.0.0.0', '::', '10.0.0.1', 'sync.studio.example', '127.0.0.1.evil.example', '::ffff:10.0.0.1', 'localhost.evil.example'])(
  '%s takes TLS or a proxy',
  async (host) => {
    const { problems } = await mistakesOf(load({ http: { enabled: true, host } }))
    expect(problems).toMatchObject([{ key: 'http.host', value: host }])
    expect((await load({ http: { enabled: true, host, behind_proxy: true } })).settings.http?.host).toBe(host)
    expect((await load({ http: { enabled: false, host } })).settings.http).toBeUndefined()
  },
)

test.each([
  [{ enabled: 'yes' }, 'http.enabled'],
  [{ port: 70_000 }, 'http.port'],
  [{ host: '' }, 'http.host'],
  [{ tls: { cert: 'x' } }, 'http.tls.key'],
  [{ trusted_hosts: 7 }, 'http.trusted_hosts'],
])('%j is a mistake', async (http, key) => {
  expect((await mistakesOf(load({ http }))).problems).toMatchObject([{ key }])
})

test('webhooks: all events unless it says which; the secret may come from the environment, and is shown nowhere', async () => {
  const { settings } = await load(
    {
      webhooks: [
        { url: 'https://h.example/x', secret: '{HOOK_SECRET}' },
        { url: 'http://127.0.0.1:1/', secret: 'eight letters', on: ['synced'] },
      ],
    },
    { env: { HOOK_SECRET: 'hush hush' } },
  )
  expect(settings.webhooks).toEqual([
    { url: 'https://h.example/x', secret: 'hush hush', on: new Set(['synced', 'failed', 'exhausted', 'site-down', 'site-up']) },
    { url: 'http://127.0.0.1:1/', secret: 'eight letters', on: new Set(['synced']) },
  ])
  const { message, problems } = await mistakesOf(
    load({
      webhooks: [
        { url: 'ftp://h', secret: 'eight letters' },
        { url: 'https://u:hunter2@h/', secret: 'eight letters' },
        { url: 'https://h/', secret: '{NOT_SET}-hidden' },
      ],
    }),
  )
  expect(problems.map(({ key }) => key)).toEqual(['webhooks[0].url', 'webhooks[1].url', 'webhooks[2].secret'])
  expect(message).not.toMatch(/hunter2|hidden/)
  const twice = { url: 'https://h/', secret: 'eight letters' }
  const again = await mistakesOf(load({ webhooks: [twice, { ...twice, secret: 'other letters', on: ['failed'] }] }))
  expect(again.problems.map(({ key }) => key)).toEqual(['webhooks[1].url'])
  expect(again.message).toContain('webhooks[0] has this one')
  const wrong = [
    { secret: 'eight letters' },
    { url: 'https://h/', secret: 'short' },
    { url: 'https://h/', secret: 'eight letters', on: ['done'] },
  ]
  for (const webhook of wrong) expect((await mistakesOf(load({ webhooks: [webhook] }))).problems).toHaveLength(1)
})

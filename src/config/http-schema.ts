import { z } from 'zod'

import { WEBHOOK_EVENTS } from '../model/http-settings.ts'
import { name, numeric, textList } from './schema-parts.ts'

const flag = () => z.boolean({ error: 'true or false' })
const PEM = 'the path of a PEM file'

const tlsSchema = z.object(
  { cert: name(PEM).describe('The certificate, with those between it and the root.'), key: name(PEM).describe('Its private key.') },
  { error: 'an object with cert and key' },
)

export const httpSchema = z.object(
  {
    enabled: flag().default(false).describe('Whether the service answers HTTP requests.'),
    host: name('a host name or address')
      .default('127.0.0.1')
      .describe('Where it listens. Elsewhere than on this machine it takes tls, or behind_proxy, and at least one token.'),
    port: numeric({ min: 0, max: 65_535, integer: true }).prefault(8787).describe('0: any that is free; the log says which.'),
    tls: tlsSchema.optional().describe('Certificate and key; without it, plain HTTP.'),
    trusted_hosts: textList('a list of host names')
      .prefault([])
      .describe('Names in the Host header that are answered, beside those of this machine and host itself.')
      .meta({ examples: [['sync.studio.example']] }),
    read_only: flag().default(false).describe('true: no action is taken over HTTP, whoever asks.'),
    anonymous_read: flag().default(true).describe('Whether requests from this machine may read without a token.'),
    behind_proxy: flag().default(false).describe('true: a proxy in front of it speaks TLS.'),
  },
  { error: 'an object with enabled, host, port and so on' },
)

const EVENTS = `a list of ${WEBHOOK_EVENTS.map((event) => JSON.stringify(event)).join(', ')}`

const webhookSchema = z.object(
  {
    url: name('an http:// or https:// address').describe('Where messages are posted to.'),
    secret: z
      .string({ error: 'a text of at least 8 characters' })
      .min(8, { error: 'a text of at least 8 characters' })
      .describe('What they are signed with. {ENV} is replaced.'),
    on: z
      .array(z.enum(WEBHOOK_EVENTS, { error: EVENTS }), { error: EVENTS })
      .min(1, { error: EVENTS })
      .default([...WEBHOOK_EVENTS])
      .describe('What it is told of; left out: everything.'),
  },
  { error: 'an object with url, secret and on' },
)

export const webhooksSchema = z.array(webhookSchema, { error: 'a list of objects with url, secret and on' })
